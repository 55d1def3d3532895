/** Views that are being built after an upgrade, while the pages show older ones. */
import { html, signal, useEffect } from "../lib/ui.js";
import { get } from "../lib/api.js";
import { number } from "../lib/format.js";
import { hearAll } from "../lib/live.js";

const ASK_EVERY_MS = 2000;

/** How far the newer views are: `shown`, `folded` and `head`; null when there is nothing to wait for. */
export const building = signal(null);

/** In the header, while older views are shown. Pages are asked for again when the newer are there. */
export function Building() {
  const now = building.value;
  const reach = now && `${number(now.shown)} of ${number(now.head)} events`;
  useEffect(() => {
    if (!now) return undefined;
    const timer = setTimeout(async () => {
      const about = await get("about", { at: "" }).catch(() => ({ building: { ...now } }));
      building.value = about.building;
      if (!about.building) hearAll();
    }, ASK_EVERY_MS);
    return () => clearTimeout(timer);
  }, [now]);
  return (
    now &&
    html`<span class="notice" role="status"
      title=${`A new version of eventtrack builds its views. Those of the version before have ${reach}.`}>
      older views, ${Math.floor((100 * now.folded) / now.head)} % rebuilt</span>`
  );
}
