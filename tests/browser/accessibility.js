/** What a page is asked for its accessibility; `test_accessibility.py` evaluates it. */
({
  // Notes what gets the focus from now on without showing it, and when a round has ended.
  watch: () => {
      const round = { hidden: [], ended: false };
      document.addEventListener("focusin", ({ target }) => {
          const style = getComputedStyle(target);
          target.dataset.wasFocused = "yes";
          if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 1) round.hidden.push(target.outerHTML.slice(0, 120));
      });
      document.addEventListener("focusout", ({ relatedTarget }) => { round.ended ||= !relatedTarget; });
      document.activeElement.blur();
      round.ended = false;
      window.round = round;
  },

  round: () => window.round,

  unreached: () => [...document.querySelectorAll("main button, main a[href], main input, main select, main textarea, header a, header button")]
      .filter((one) => one.checkVisibility() && !one.disabled && one.tabIndex >= 0 && !one.dataset.wasFocused && one.type !== "radio")
      .map((one) => one.outerHTML.slice(0, 120)),
})
