/** Colours for values: a ramp for numbers, a palette for categories; read with any colour vision. */
import { PALETTES } from "./colour.js";
import { theme } from "./theme.js";

// From blue over grey-green to yellow after cividis, cut where it would fade into either background.
const RAMPS = {
  light: [
    [0, 51, 122],
    [60, 90, 140],
    [98, 112, 122],
    [140, 128, 100],
    [186, 142, 40],
    [214, 120, 0],
  ],
  dark: [
    [92, 158, 240],
    [128, 170, 200],
    [160, 180, 165],
    [196, 188, 120],
    [232, 200, 80],
    [255, 232, 90],
  ],
};
const NONE = { light: "#9aa3ad", dark: "#5c6672" };

/** @param {number} share 0 to 1 */
export function rampAt(share) {
  const ramp = RAMPS[theme.value];
  const place = Math.max(0, Math.min(share, 1)) * (ramp.length - 1);
  const at = Math.min(Math.floor(place), ramp.length - 2);
  const mixed = ramp[at].map((level, channel) => Math.round(level + (ramp[at + 1][channel] - level) * (place - at)));
  return `rgb(${mixed.join(",")})`;
}

export const ramp = () => `linear-gradient(to right, ${[0, 0.2, 0.4, 0.6, 0.8, 1].map(rampAt).join(", ")})`;

/** The colour of each row along an axis (see `axes.js`); rows without a value are grey. */
export function shadesOf(axis, count) {
  const none = NONE[theme.value];
  if (!axis) return Array(count).fill(PALETTES[theme.value][0]);
  const palette = PALETTES[theme.value];
  const few = axis.scale === "category" && axis.ticks.length <= palette.length;
  return Array.from(axis.places, (place) =>
    Number.isNaN(place)
      ? none
      : few
        ? palette[Math.min(Math.floor(place * axis.ticks.length), axis.ticks.length - 1)]
        : rampAt(place),
  );
}

/** What a legend tells: swatches of few categories, or the ends of a ramp. */
export function legendOf(axis) {
  if (!axis) return null;
  const palette = PALETTES[theme.value];
  if (axis.scale === "category" && axis.ticks.length <= palette.length) {
    return { swatches: axis.ticks.map(({ text }, at) => ({ text, colour: palette[at] })) };
  }
  return { low: axis.at(0), high: axis.at(1) };
}
