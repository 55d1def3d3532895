/** The menu of saved views: one is shown, saved, deleted, or left for the page as it is by itself. */
import { html, useState } from "../lib/ui.js";
import { writable } from "../lib/access.js";
import { link, route, setQuery } from "../lib/route.js";
import { apply, DEFAULT, remove, sameView, save, useViews } from "../lib/views.js";
import { Popup } from "./popup.js";

export function Views({ experiment }) {
  const { experiment_id: experimentId } = experiment;
  const { views, error, reload } = useViews(experiment);
  const { query } = route.value;
  const current = views.find(({ name }) => name === query.saved);
  const changed = current && !sameView(current.view, query);
  const label = html`<span class="quiet">View</span> ${current ? current.name : "none"}${
    changed
      ? html`<span
    title="changed since it was saved">*</span>`
      : ""
  }`;
  return html`<${Popup} label=${label} title="Saved views">${(close) => html`
    ${
      views.length > 0 &&
      html`<ul class="order views">${views.map(
        ({ name, view }) => html`<li key=${name}>
        <a href=${link(["experiments", experimentId], { ...view, saved: name })}
          aria-current=${name === query.saved ? "true" : undefined}
          onClick=${close}>${name}</a>${
            writable.value &&
            html`<button class="plain" aria-label=${`Delete the view ${name}`} title="Delete"
          onClick=${() => remove(experimentId, name).then(reload, reload)}>×</button>`
          }</li>`,
      )}</ul>`
    }
    ${!views.length && html`<p class="quiet">${error ? error.message : "No view is saved yet."}</p>`}
    ${
      writable.value &&
      html`<${Save} experimentId=${experimentId} current=${current} done=${() => {
        close();
        reload();
      }} />`
    }
    <button class="plain" onClick=${() => {
      close();
      apply({}, "", { push: true });
    }}>Reset the page</button>`}<//>`;
}

function Save({ experimentId, current, done }) {
  const [name, setName] = useState(current ? current.name : "");
  const [problem, setProblem] = useState(null);
  const send = (event) => {
    event.preventDefault();
    const wanted = name.trim();
    save(experimentId, wanted, route.value.query).then(() => {
      setQuery({ saved: wanted });
      done();
    }, setProblem);
  };
  return html`<form class="fields" onSubmit=${send}>
    <label>Save columns, filter and charts as <input type="text" value=${name} required maxlength="100"
      placeholder=${DEFAULT} onInput=${(event) => setName(event.target.value)} /></label>
    <p class="quiet">Everybody sees it here; “${DEFAULT}” opens by itself.</p>
    <button type="submit">Save view</button>
    ${problem && html`<p class="problem" role="alert">${problem.message} ${problem.hint || ""}</p>`}
  </form>`;
}
