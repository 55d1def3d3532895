/** Zooming, panning and walking in a chart: by mouse, wheel and keys. */
import { crosshair, pointAway } from "../lib/pointer.js";
import { valueAt } from "./painter.js";

const STEP = 0.2; // of the width, for each press of a key that zooms or pans
// A drag that is lower than this zooms in x alone, one that is narrower in y alone; in CSS pixels.
const ALONE = 24;
const MOVED = 4;

/**
 * What the gestures have to know, as it is now.
 * @typedef {{frame: import("./frame.js").Frame | null, curves: import("./painter.js").Drawn[], x: string,
 *   span: [number, number] | null, onZoom: (zoom: object | null) => void}} Shown
 */

const xAt = ({ frame: { inside } }, share) => valueAt(share, inside.low, inside.high, inside.logX);
const yAt = ({ frame: { inside } }, share) => valueAt(share, inside.least, inside.most, inside.log);

/**
 * Keys of a chart that has the focus: arrows go along it, with the shift key they pan; + and - zoom.
 * @returns {boolean} whether the key was one of them
 */
export function press(shown, { key, shiftKey, ctrlKey, metaKey, altKey }) {
  if (ctrlKey || metaKey || altKey || !shown.frame) return false;
  const zoom = (...shares) => shown.onZoom({ x: shares.map((share) => xAt(shown, share)) });
  const way = { ArrowLeft: -1, ArrowRight: 1 }[key];
  if (way && shiftKey) zoom(way * STEP, 1 + way * STEP);
  else if (way) walk(shown, way);
  else if (key === "+") zoom(STEP, 1 - STEP);
  else if (key === "-") zoom(-STEP, 1 + STEP);
  else if (key === "0") shown.onZoom(null);
  else if (key === "Escape") pointAway();
  else return false;
  return true;
}

/** The next point of the curve that has the most, to the left or to the right. */
function walk(shown, way) {
  const longest = shown.curves.reduce((best, curve) => (curve.x.length > (best?.x.length || 0) ? curve : best), null);
  if (!longest) return;
  const { low, high } = shown.frame.inside;
  const inside = [...new Set(longest.x)].filter((x) => x >= low && x <= high);
  const now = crosshair.peek()?.source === shown ? crosshair.peek().x : null;
  const first = way > 0 ? 0 : inside.length - 1;
  const next = () => (way > 0 ? inside.findIndex((x) => x > now) : inside.findLastIndex((x) => x < now));
  const at = now === null ? first : next();
  if (inside[at] !== undefined) crosshair.value = { axis: shown.x, x: inside[at], source: shown };
}

/**
 * Listen to the mouse and the wheel.
 * @param {HTMLElement} area what lies over the curves
 * @param {Shown} shown
 * @returns {() => void} ends it
 */
export function gestures(area, shown) {
  const unwheel = wheels(area, shown);
  let end = null;
  const down = (event) => {
    if (event.button !== 0 || !shown.frame) return;
    event.preventDefault(); // selects no text; but the focus is wanted
    area.closest(".plot").focus({ preventScroll: true });
    end?.();
    end = (event.shiftKey ? pan : select)(event, area, shown);
  };
  area.addEventListener("mousedown", down);
  return () => {
    unwheel();
    end?.();
    area.removeEventListener("mousedown", down);
  };
}

/** The wheel with the control key zooms around the pointer; sideways, or with the shift key, it pans. */
function wheels(area, shown) {
  let timer = null;
  let share = [0, 1];
  const wheel = (event) => {
    const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
    const isPan = event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY);
    if ((!event.ctrlKey && !event.metaKey && !isPan) || !shown.frame) return;
    event.preventDefault();
    const box = area.getBoundingClientRect();
    const width = share[1] - share[0];
    if (isPan) share = share.map((bound) => bound + (sideways / box.width) * width);
    else {
      const around = share[0] + ((event.clientX - box.left) / box.width) * width;
      const factor = Math.exp(Math.sign(event.deltaY) * 0.15);
      share = share.map((bound) => around + (bound - around) * factor);
    }
    // Browsers refuse many changes of the address in a row.
    timer ??= setTimeout(() => {
      const x = share.map((bound) => xAt(shown, bound));
      [timer, share] = [null, [0, 1]];
      shown.onZoom({ x });
    }, 60);
  };
  area.addEventListener("wheel", wheel, { passive: false });
  return () => {
    clearTimeout(timer);
    area.removeEventListener("wheel", wheel);
  };
}

/** Drag: zoom to the stretch of x, of y, or of both, as it is wide and high. */
function select(event, area, shown) {
  const box = area.getBoundingClientRect();
  const at = ({ clientX, clientY }) => [
    Math.min(Math.max(clientX - box.left, 0), box.width),
    Math.min(Math.max(clientY - box.top, 0), box.height),
  ];
  const from = at(event);
  const marked = Object.assign(document.createElement("div"), { className: "selected", hidden: true });
  area.append(marked);
  const reached = (event) => {
    const to = at(event);
    const [wide, high] = from.map((value, axis) => Math.abs(to[axis] - value));
    const both = wide >= ALONE && high >= ALONE;
    const [left, right] = both || wide >= high ? [from[0], to[0]].sort((a, b) => a - b) : [0, box.width];
    const [top, bottom] = both || wide < high ? [from[1], to[1]].sort((a, b) => a - b) : [0, box.height];
    return { left, right, top, bottom, moved: wide >= MOVED || high >= MOVED };
  };
  const move = (event) => {
    const { left, right, top, bottom, moved } = reached(event);
    marked.hidden = !moved;
    const place = { left, top, width: right - left, height: bottom - top };
    for (const [name, size] of Object.entries(place)) marked.style[name] = `${size}px`;
  };
  const drop = (event) => {
    end();
    const { left, right, top, bottom, moved } = reached(event);
    if (!moved || !shown.frame) return;
    const zoom = {};
    if (right - left < box.width) zoom.x = [left, right].map((at) => xAt(shown, at / box.width));
    if (bottom - top < box.height) zoom.y = [bottom, top].map((at) => yAt(shown, 1 - at / box.height));
    shown.onZoom(zoom);
  };
  const end = dragging(move, drop, () => marked.remove());
  return end;
}

/** Drag with the shift key: the curves go along when the button is let go. */
function pan(event, area, shown) {
  const from = { x: event.clientX, y: event.clientY };
  const drop = ({ clientX, clientY }) => {
    end();
    if (!shown.frame) return;
    const { width, height } = area.getBoundingClientRect();
    const [across, down] = [(from.x - clientX) / width, (clientY - from.y) / height];
    const zoom = { x: [across, 1 + across].map((share) => xAt(shown, share)) };
    if (shown.span) zoom.y = [down, 1 + down].map((share) => yAt(shown, share));
    shown.onZoom(zoom);
  };
  const end = dragging(() => {}, drop);
  return end;
}

/** Hear of the mouse until its button is let go, wherever that is. @returns ends it before */
function dragging(move, drop, after = () => {}) {
  addEventListener("mousemove", move);
  addEventListener("mouseup", drop);
  return () => {
    removeEventListener("mousemove", move);
    removeEventListener("mouseup", drop);
    after();
  };
}
