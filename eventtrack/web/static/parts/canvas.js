/** A canvas as sharp as the screen, and as wide as its place. */
import { theme } from "../lib/theme.js";
import { useEffect, useState } from "../lib/ui.js";

/** The width of an element in CSS pixels; 0 until it is known. */
export function useWidth(ref) {
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const sized = new ResizeObserver(() => ref.current && setWidth(ref.current.clientWidth));
    sized.observe(ref.current);
    setWidth(ref.current.clientWidth);
    return () => sized.disconnect();
  }, []);
  return width;
}

/** Its context, cleared, with one unit to a CSS pixel. */
export function cleared(canvas, width, height) {
  const ratio = devicePixelRatio;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
  }
  const ctx = canvas.getContext("2d");
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.clearRect(0, 0, width, height);
  ctx.font = "11px system-ui, sans-serif";
  return ctx;
}

let known = { of: "", inks: new Map() };

/** The theme's colours by their names in the stylesheet, which is asked once: that costs a styling of the page. */
export function inks(...names) {
  if (known.of !== theme.peek()) known = { of: theme.peek(), inks: new Map() };
  return names.map((name) => {
    if (!known.inks.has(name))
      known.inks.set(name, getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim());
    return known.inks.get(name);
  });
}

/** A text that fits, with an ellipsis where it was cut. */
export function fitted(ctx, text, width) {
  if (ctx.measureText(text).width <= width) return text;
  let [low, high] = [0, text.length];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (ctx.measureText(`${text.slice(0, middle)}…`).width <= width) low = middle;
    else high = middle - 1;
  }
  return `${text.slice(0, low)}…`;
}

/** A text with a rim of the page's colour: readable over lines. */
export function rimmed(ctx, text, x, y, page) {
  const ink = ctx.fillStyle;
  ctx.strokeStyle = page;
  ctx.lineWidth = 3;
  ctx.lineJoin = "round";
  ctx.strokeText(text, x, y);
  ctx.fillStyle = ink;
  ctx.fillText(text, x, y);
}
