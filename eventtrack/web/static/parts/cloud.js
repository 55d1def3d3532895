/** A cloud of points: turned by dragging or with arrows, nearer with the wheel or + and -. */
import { html, useEffect, useMemo, useRef, useState } from "../lib/ui.js";
import { count, number } from "../lib/format.js";
import { cloudOf } from "../lib/ply.js";
import { theme } from "../lib/theme.js";

const WIDTH = 420;
const HEIGHT = 320;
const START = { turn: 0.6, tilt: 0.4, zoom: 1 };
const KEYS = {
  ArrowLeft: (view) => ({ turn: view.turn - 0.1 }),
  ArrowRight: (view) => ({ turn: view.turn + 0.1 }),
  ArrowUp: (view) => ({ tilt: view.tilt + 0.1 }),
  ArrowDown: (view) => ({ tilt: view.tilt - 0.1 }),
  "+": (view) => ({ zoom: view.zoom * 1.2 }),
  "-": (view) => ({ zoom: view.zoom / 1.2 }),
  Home: () => START,
};

/** @param {{body: ArrayBuffer, label: string}} props */
export function Cloud({ body, label }) {
  const cloud = useMemo(() => cloudOf(body), [body]);
  const [view, setView] = useState(START);
  const canvas = useRef();
  const drag = useRef(null);
  const centred = useMemo(() => cloud && middle(cloud.xyz), [cloud]);
  useEffect(() => {
    if (!cloud) return undefined;
    const frame = requestAnimationFrame(() => paint(canvas.current, cloud, centred, view));
    return () => cancelAnimationFrame(frame);
  }, [cloud, centred, view, theme.value]);
  useEffect(() => {
    const turn = (event) => {
      event.preventDefault();
      setView((old) => ({ ...old, zoom: Math.min(Math.max(old.zoom * Math.exp(-event.deltaY / 500), 0.1), 50) }));
    };
    // Preact's own listeners are passive for the wheel: the page would scroll as well.
    canvas.current?.addEventListener("wheel", turn, { passive: false });
    return () => canvas.current?.removeEventListener("wheel", turn);
  }, [cloud]);
  if (!cloud) return html`<p class="quiet">This is no cloud of points that the page can read.</p>`;
  const keys = (event) => {
    const change = KEYS[event.key];
    if (!change) return;
    event.preventDefault();
    event.stopPropagation();
    setView({ ...view, ...change(view) });
  };
  const move = (event) => {
    if (!drag.current) return;
    const { x, y, from } = drag.current;
    setView({ ...from, turn: from.turn + (event.clientX - x) / 120, tilt: from.tilt + (event.clientY - y) / 120 });
  };
  const begin = (event) => {
    drag.current = { x: event.clientX, y: event.clientY, from: view };
    event.currentTarget.setPointerCapture(event.pointerId);
  };
  return html`<canvas class="cloud" tabindex="0" role="img" ref=${canvas} onKeyDown=${keys} onPointerDown=${begin}
      onPointerMove=${move} onPointerUp=${() => (drag.current = null)}
      aria-label=${`${label}: ${cloud.total} points; arrows turn it, + and - bring it nearer`}></canvas>
    <p class="quiet">${count(cloud.total, "point")}${
      cloud.total * 3 > cloud.xyz.length ? `, the first ${number(cloud.xyz.length / 3)} of them` : ""
    }. Drag to turn.</p>`;
}

/** The middle of the points and the reach to the farthest side. */
function middle(xyz) {
  const low = [Infinity, Infinity, Infinity];
  const high = [-Infinity, -Infinity, -Infinity];
  for (let at = 0; at < xyz.length; at++) {
    low[at % 3] = Math.min(low[at % 3], xyz[at]);
    high[at % 3] = Math.max(high[at % 3], xyz[at]);
  }
  const centre = low.map((edge, axis) => (edge + high[axis]) / 2);
  return { centre, reach: Math.max(...high.map((edge, axis) => edge - low[axis])) || 1 };
}

function paint(canvas, { xyz, rgb }, { centre, reach }, { turn, tilt, zoom }) {
  if (!canvas) return;
  const ratio = Math.min(devicePixelRatio || 1, 2);
  const [width, height] = [(canvas.width = WIDTH * ratio), (canvas.height = HEIGHT * ratio)];
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(width, height);
  const depths = new Float32Array(width * height).fill(-Infinity);
  const [cosTurn, sinTurn, cosTilt, sinTilt] = [Math.cos(turn), Math.sin(turn), Math.cos(tilt), Math.sin(tilt)];
  const scale = (Math.min(width, height) / reach) * 0.7 * zoom;
  const dark = theme.value === "dark";
  const size = xyz.length > 150_000 ? 1 : Math.round(1.5 * ratio);
  for (let at = 0; at < xyz.length; at += 3) {
    const [x, y, z] = [xyz[at] - centre[0], xyz[at + 1] - centre[1], xyz[at + 2] - centre[2]];
    const across = x * cosTurn - y * sinTurn;
    const along = x * sinTurn + y * cosTurn;
    const depth = along * cosTilt * -1 + z * sinTilt;
    const left = Math.round(width / 2 + across * scale);
    const top = Math.round(height / 2 - (z * cosTilt + along * sinTilt) * scale);
    const far = 0.45 + 0.55 * Math.min(Math.max(depth / reach + 0.5, 0), 1);
    for (let row = top; row < top + size; row++)
      for (let column = left; column < left + size; column++) {
        if (row < 0 || row >= height || column < 0 || column >= width) continue;
        const pixel = row * width + column;
        if (depths[pixel] >= depth) continue;
        depths[pixel] = depth;
        const shade = dark ? [125, 180, 240] : [31, 95, 168];
        for (let part = 0; part < 3; part++)
          image.data[pixel * 4 + part] = rgb
            ? rgb[at + part]
            : dark
              ? shade[part] * far
              : 255 - (255 - shade[part]) * far;
        image.data[pixel * 4 + 3] = 255;
      }
  }
  pen.putImageData(image, 0, 0);
}
