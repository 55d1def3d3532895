/** What a page is asked for its accessibility; `test_accessibility.py` evaluates it. */
({
  // Of each visible text: its contrast with the nearest painted background (WCAG 2.2, 1.4.3). Text of
  // controls that are off is exempt, as there. Colours are painted on a canvas: whatever their notation.
  contrast: () => {
      const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
      const rgba = (colour) => {
          context.clearRect(0, 0, 1, 1);
          context.fillStyle = colour;
          context.fillRect(0, 0, 1, 1);
          const [r, g, b, a] = context.getImageData(0, 0, 1, 1).data;
          return [r, g, b, a / 255];
      };
      const over = (top, under) => top.slice(0, 3).map((one, at) => one * top[3] + under[at] * (1 - top[3]));
      const light = (rgb) => {
          const [r, g, b] = rgb.map((one) => one / 255).map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
          return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const back = (element) => element
          ? (() => { const own = rgba(getComputedStyle(element).backgroundColor); return own[3] === 1 ? own.slice(0, 3) : over(own, back(element.parentElement)); })()
          : [255, 255, 255];
      const problems = new Set();
      const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      for (let node = walker.nextNode(); node; node = walker.nextNode()) {
          const element = node.parentElement;
          const style = getComputedStyle(element);
          if (!node.data.trim() || !element.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
          if (element.closest(":disabled, .unseen, script, style, noscript, option") || parseFloat(style.fontSize) === 0) continue;
          const behind = back(element);
          const [a, b] = [light(over(rgba(style.color), behind)), light(behind)].sort((one, two) => two - one);
          const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && style.fontWeight >= 700);
          const ratio = (a + 0.05) / (b + 0.05);
          if (ratio < (large ? 3 : 4.5)) problems.add(`${ratio.toFixed(2)}: ${element.tagName}.${element.className} ${node.data.trim().slice(0, 40)}`);
      }
      return [...problems];
  },

  // Controls that nothing names (4.1.2), and images without a text (1.1.1).
  nameless: () => [...document.querySelectorAll("button, a[href], input, select, textarea, [role=button], [role=img], img, svg[role], summary")]
      .filter((one) => one.checkVisibility() && !(
          one.getAttribute("aria-label") || one.getAttribute("alt") !== null || one.textContent.trim() || one.title
          || [...(one.labels || [])].some((label) => label.textContent.trim()) || one.getAttribute("aria-labelledby")))
      .map((one) => one.outerHTML.slice(0, 120)),

  // What has the focus, whether it shows it, and whether this is the end of the round.
  focused: () => {
      const one = document.activeElement;
      if (!one || one === document.body) return null;
      const style = getComputedStyle(one);
      one.dataset.wasFocused = "yes";
      return { shown: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1, what: one.outerHTML.slice(0, 120) };
  },

  unreached: () => [...document.querySelectorAll("main button, main a[href], main input, main select, main textarea, header a, header button")]
      .filter((one) => one.checkVisibility() && !one.disabled && one.tabIndex >= 0 && !one.dataset.wasFocused && one.type !== "radio")
      .map((one) => one.outerHTML.slice(0, 120)),
})
