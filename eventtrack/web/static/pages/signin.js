/** Where a token is pasted. The server keeps the browser signed in with a cookie. */
import { html, useState } from "../lib/ui.js";
import { me, signIn } from "../lib/access.js";

export function SignIn() {
  const [token, setToken] = useState("");
  const [remember, setRemember] = useState(false);
  const [state, setState] = useState({ busy: false, error: null });
  const send = async (event) => {
    event.preventDefault();
    setState({ busy: true, error: null });
    try {
      await signIn(token, remember);
    } catch (error) {
      setState({ busy: false, error });
    }
  };
  const said = state.error?.message || me.value.problem;
  const wrong = !said
    ? ""
    : state.error?.status === 401 || !state.error
      ? `${said[0].toUpperCase()}${said.slice(1)}.`
      : `${said} ${state.error.hint || ""}`;
  return html`
    <main class="signin">
      <h1>Sign in</h1>
      <p class="quiet">This server asks for a token. What you change stands in the log under its name.</p>
      <form onSubmit=${send}>
        <input type="text" name="username" autocomplete="username" value="eventtrack" hidden readonly />
        <label for="token">Token</label>
        <input id="token" type="password" autocomplete="current-password" spellcheck="false" autofocus
          placeholder="eventtrack_…" value=${token}
          aria-describedby="token-problem" aria-invalid=${Boolean(wrong)}
            onInput=${(event) => setToken(event.target.value)} />
        <p id="token-problem" class="problem" role="alert">${wrong}</p>
        <label class="check">
          <input type="checkbox" checked=${remember} onChange=${(event) => setRemember(event.target.checked)}
          /> Remember on this computer</label>
        <p><button disabled=${state.busy || !token.trim()}>Sign in</button></p>
      </form>
      <details><summary>I have no token</summary>
        <p>Ask whoever runs the server, who makes one beside the store:</p>
          <pre tabindex="0">eventtrack token create alice-laptop</pre>
        <p><code>--role read</code> makes one that only looks.</p></details>
    </main>
  `;
}
