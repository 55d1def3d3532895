/** Links to the parts of a page: each has an address of its own. */
import { html } from "../lib/ui.js";
import { link } from "../lib/route.js";

/**
 * @param {object} props
 * @param {string} props.label what the parts are, for those who do not see them
 * @param {[value: string, name: string][]} props.tabs
 * @param {string[]} props.path of the page
 * @param {string} props.by the name of the part in the address
 * @param {string} props.shown the value of the part that is shown
 * @param {Record<string, string>} [props.query] what stays in the address
 */
export const Tabs = ({ label, tabs, path, by, shown, query = {} }) => html`
  <nav class="tabs" aria-label=${label}>${tabs.map(
    ([value, name]) => html`<a key=${value} href=${link(path, { ...query, [by]: value })}
      aria-current=${shown === value ? "page" : undefined}>${name}</a>`,
  )}</nav>`;
