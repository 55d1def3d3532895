/** The slider through time in every header: drag, step by event, play. */
import { html, signal, useEffect } from "../lib/ui.js";
import { get } from "../lib/api.js";
import { useData } from "../lib/data.js";
import { useLive } from "../lib/live.js";
import { at, backToNow, moveTo, pending, wanted } from "../lib/past.js";
import { moment, number } from "../lib/format.js";
import { MomentChoice } from "./moment.js";
import { density, ends, Strip } from "./strip.js";
import { building } from "./building.js";
import { skips } from "./skipped.js";

const BUCKETS = 240;
// A whole log is played in so many steps at speed 1, of so many milliseconds each if the server keeps up.
const STEPS = 200;
const STEP_MS = 100;
const SPEEDS = [0.5, 1, 2, 5, 10];

/** Along what the slider moves: "position" of the log, or "time". */
const scale = signal(Number.isNaN(Number(at.value)) ? "time" : "position");
const speed = signal(1);
export const playing = signal(false);

/** Where the log ends now, and which event the shown moment ends with; for steps. */
let head = 0;
let shown = null;

const momentOf = (value, by) => (by === "position" ? String(value) : new Date(value).toISOString());

/** One event on or back; pages and keys share it. */
export function step(by) {
  playing.value = false;
  const asked = wanted.value ?? at.value;
  const from = asked === "" ? head : /^\d+$/.test(asked) ? Number(asked) : shown?.position;
  if (from === undefined) return;
  const next = Math.max(from + by, 0);
  if (next >= head) backToNow();
  else moveTo(String(next));
}

export const togglePlay = () => (playing.value = !playing.value);

/** What is known of the moment shown: the last event that had happened by then. */
export function useMoment() {
  const asked = useData(at.value ? ["moment"] : null, async (options) => {
    const { events } = await get("log", { limit: 1 }, options);
    return events.length
      ? { position: Number(events[0].address.split(".")[0]), recorded_ms: events[0].recorded_ms }
      : { position: 0 };
  });
  return at.value ? asked : { data: null };
}

export function TimeBar() {
  const by = scale.value;
  const asked = useData(
    ["density", by],
    async (options) => {
      const [strip, about] = await density(by, BUCKETS, options);
      skips.value = about.skipped;
      building.value = about.building;
      return { strip, by, head: about.position };
    },
    { always: true },
  );
  useLive(() => true, asked.reload, 3000);
  const { data: then } = useMoment();
  const known = asked.data?.by === by && asked.data.head > 0 ? asked.data : null;
  if (known) head = known.head;
  shown = then;
  const [low, high] = known ? ends(known.strip, by, known.head) : [0, 1];
  const value = placeOf(wanted.value ?? at.value, by, then, high);
  usePlay(known && { low, high, by });

  const move = (event) => {
    playing.value = false;
    const to = Number(event.target.value);
    moveTo(to >= high ? "" : momentOf(to, by));
  };
  const keys = (event) => {
    const ways = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 };
    if (!ways[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    step(ways[event.key]);
  };
  const moment = wanted.value === null ? said(at.value, then) : wanted.value === "" ? "now" : saidOf(wanted.value);
  return html`
    <section class="timebar" aria-label="History" data-past=${Boolean(at.value)} aria-busy=${pending.value > 0}>
      <div class="where"><span class="name">History</span>
        <${MomentChoice} label=${html`<span class="when">${asked.error && !known ? "no timeline" : moment}</span> <span
          aria-hidden="true">▾</span>`} /></div>
      <button class="plain" disabled=${!known} aria-pressed=${playing.value} aria-label=${
        playing.value ? "Pause" : "Play"
      } title="Play (p)" onClick=${togglePlay}>${playing.value ? "❚❚" : "▶"}</button>
      <button class="plain" disabled=${!known} aria-label="One event back" title="One event back ([)"
        onClick=${() => step(-1)}>‹</button>
      <div class="strip">
        ${known && html`<${Strip} strip=${known.strip} from=${low} to=${value} />`}
        <input type="range" aria-label="Moment shown" aria-valuetext=${moment} min=${low} max=${high} value=${value}
          disabled=${!known}
          onInput=${move} onKeyDown=${keys} />
      </div>
      <button class="plain" disabled=${!known || !(at.value || wanted.value)} aria-label="One event on"
        title="One event on (])" onClick=${() => step(1)}>›</button>
      <select aria-label="Speed" value=${String(speed.value)}
        onChange=${(event) => (speed.value = Number(event.target.value))}>
        ${SPEEDS.map((speed) => html`<option value=${String(speed)}>${speed} ×</option>`)}</select>
      <select aria-label="Move along" value=${by} onChange=${(event) => (scale.value = event.target.value)}>
        <option value="position">by event</option><option value="time">by clock</option></select>
    </section>
  `;
}

/** Where a moment is on the slider; what another machine recorded may lie elsewhere by the clock. */
function placeOf(text, by, then, high) {
  if (text === "") return high;
  const isPosition = /^\d+$/.test(text);
  if (by === "position") return isPosition ? Number(text) : (then?.position ?? high);
  return isPosition ? (then?.recorded_ms ?? high) : Date.parse(text) || high;
}

const saidOf = (text) => (/^\d+$/.test(text) ? `position ${number(Number(text))}` : moment(Date.parse(text)));

/** A moment in words: when, and where in the log. */
export function said(text, then) {
  if (!text) return "now";
  if (!then) return saidOf(text);
  const when = /^\d+$/.test(text) ? then.recorded_ms : Date.parse(text);
  if (!then.position) return "before the first event";
  return `${moment(when)} · position ${number(then.position)}`;
}

/** Moves on while it plays: from the beginning where now is shown, and stops with the last event. */
function usePlay(range) {
  const { low, high, by } = range || {};
  useEffect(() => {
    if (!playing.value || !range) return undefined;
    let place = at.value ? placeOf(at.value, by, shown, low) : low;
    const timer = setInterval(() => {
      // Each picture is waited for: a slow server plays more slowly, and leaves nothing out of order.
      if (pending.value > 0 || wanted.value !== null || document.hidden) return;
      place = Math.min(place + ((high - low) * speed.value) / STEPS, high);
      if (place < high) return moveTo(momentOf(Math.floor(place), by));
      playing.value = false;
      backToNow();
    }, STEP_MS);
    return () => clearInterval(timer);
  }, [playing.value, by, low, high]);
}
