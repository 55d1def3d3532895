/** What was chosen in the panels of media (step, view, size): it stands in the address, so a link shows the same. */
import { route, setQuery } from "./route.js";

const PANELS_MAX = 100;

/** As the address has it; what somebody typed there is taken as far as it makes sense. */
function read(text) {
  try {
    const panels = JSON.parse(text || "{}");
    return panels && typeof panels === "object" && !Array.isArray(panels) ? panels : {};
  } catch {
    return {};
  }
}

/**
 * @param {string} id the kind and the name of a series
 * @returns {[Panel, (change: object) => void]}
 * @typedef {{step: number | null, mode: string, zoom: number, sharp: boolean, base: string}} Panel
 *   without a `step` the newest is shown; a change to what holds anyway leaves the address
 */
export function usePanel(id) {
  const all = read(route.value.query.panels);
  const { step, mode, zoom, sharp, base } = Object(all[id]);
  const panel = {
    step: Number.isFinite(step) ? step : null,
    mode: typeof mode === "string" ? mode : "",
    zoom: Number.isFinite(zoom) ? zoom : 0,
    sharp: sharp !== false,
    base: typeof base === "string" ? base : "",
  };
  const change = (next) => {
    const now = read(route.peek().query.panels);
    const kept = Object.entries({ ...Object(now[id]), ...next }).filter(
      ([name, value]) => value !== null && value !== "" && !(name === "zoom" && value === 0) && value !== true,
    );
    const others = Object.entries(now).filter(([name]) => name !== id);
    const panels = Object.fromEntries(
      [...others, ...(kept.length ? [[id, Object.fromEntries(kept)]] : [])].slice(-PANELS_MAX),
    );
    setQuery({ panels: Object.keys(panels).length ? JSON.stringify(panels) : "" });
  };
  return [panel, change];
}
