/** Many images at a glance: small pictures in rows, of which only those in sight are there. */
import { html, useEffect, useRef, useState } from "../lib/ui.js";
import { count, number } from "../lib/format.js";

const TILE = { width: 132, height: 150 };
// Rows beyond the edges that are drawn already, so that scrolling shows no gaps.
const AHEAD = 3;

/** @param {{items: object[], name: string, look: {sharp: boolean}, onChoose: (step: number) => void}} props */
export function Gallery({ items, name, look, onChoose }) {
  const box = useRef();
  const [sight, setSight] = useState({ across: 6, first: 0, rows: 6 });
  useEffect(() => {
    let frame = 0;
    const measure = () => {
      frame = 0;
      if (!box.current) return; // the page was left before this frame
      const { clientWidth, clientHeight, scrollTop } = box.current;
      const next = {
        across: Math.max(Math.floor(clientWidth / TILE.width), 1),
        first: Math.max(Math.floor(scrollTop / TILE.height) - AHEAD, 0),
        rows: Math.ceil(clientHeight / TILE.height) + 2 * AHEAD,
      };
      setSight((old) => (Object.keys(next).every((key) => old[key] === next[key]) ? old : next));
    };
    const later = () => (frame ||= requestAnimationFrame(measure));
    const sizes = new ResizeObserver(later);
    sizes.observe(box.current);
    box.current.addEventListener("scroll", later, { passive: true });
    measure();
    return () => {
      sizes.disconnect();
      cancelAnimationFrame(frame);
    };
  }, []);
  const { across, first, rows } = sight;
  const shown = items.slice(first * across, (first + rows) * across);
  const height = Math.ceil(items.length / across) * TILE.height;
  return html`<div class="gallery" ref=${box} tabindex="0" role="region" style=${{ height: `${height + 2}px` }}
    aria-label=${`${name}: ${count(items.length, "image")}`}>
    <div style=${{ height: `${height}px` }}>${shown.map((item, place) => {
      const at = first * across + place;
      const [left, top] = [(at % across) * TILE.width, Math.floor(at / across) * TILE.height];
      return html`<button key=${`${item.url} ${at}`} class="plain" onClick=${() => onChoose(item.step)}
        style=${{ transform: `translate(${left}px, ${top}px)` }}>
        <img src=${item.thumb || item.url} alt=${item.caption || `${name}, step ${item.step}`} decoding="async"
          style=${{ imageRendering: look.sharp ? "pixelated" : "auto" }} />
        <span>step ${number(item.step)}</span></button>`;
    })}</div></div>`;
}
