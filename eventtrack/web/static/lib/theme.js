/** Dark or light: the system's choice until one is made here. */
import { signal } from "@preact/signals";

const KEY = "eventtrack.theme";
const system = matchMedia("(prefers-color-scheme: dark)");

function kept() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null; // a browser that keeps nothing for pages
  }
}

const current = () => kept() || (system.matches ? "dark" : "light");

/** "light" or "dark"; curves are drawn anew when it changes. */
export const theme = signal(current());

function show(next = current()) {
  // Who hears of it may ask at once how the theme looks.
  document.documentElement.dataset.theme = next;
  theme.value = next;
}

export function toggleTheme() {
  try {
    localStorage.setItem(KEY, theme.value === "dark" ? "light" : "dark");
  } catch {
    show(theme.value === "dark" ? "light" : "dark");
    return;
  }
  show();
}

system.addEventListener("change", () => show());
// Paper is white.
addEventListener("beforeprint", () => show("light"));
addEventListener("afterprint", () => show());
show();
