/**
 * Watches over the start, as a part of the page itself. Where a module does not arrive, a browser runs none of them
 * and shows nothing; a change of networks is enough, for it breaks off what is under way. Then this says so, and
 * loads the page anew once the server answers.
 */
(() => {
  // What takes longer, in ms, is worth a word.
  const LATE_MS = 10_000;
  // Seldom, where loading anew did not help.
  const AGAIN_MS = performance.getEntriesByType("navigation")[0]?.type === "reload" ? 5000 : 1000;

  const say = (text) => {
    const line = document.querySelector("body > .state") || document.body.appendChild(document.createElement("p"));
    line.className = "state";
    line.setAttribute("role", "status");
    line.textContent = text;
  };

  const again = () =>
    fetch(location.pathname, { cache: "no-store" }).then(
      () => location.reload(),
      () => setTimeout(again, AGAIN_MS),
    );

  const late = setTimeout(() => say("The pages are still on their way …"), LATE_MS);
  addEventListener("load", () => clearTimeout(late));
  let failed = false;
  addEventListener(
    "error",
    ({ target }) => {
      if (failed || (target.type !== "module" && target.rel !== "stylesheet")) return;
      failed = true;
      clearTimeout(late);
      say("A part of the pages did not arrive. They are loaded again …");
      setTimeout(again, AGAIN_MS);
    },
    true,
  );
})();
