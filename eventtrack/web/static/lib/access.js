/** Who is signed in, and what that is good for. */
import { computed, signal } from "@preact/signals";
import { get, post, onRefusedToken } from "./api.js";
import { at } from "./past.js";

/** What the server says of this visitor: `required`, `name`, `role`, `problem`; null until it did. */
export const me = signal(null);

/** Why it could not say. */
export const problem = signal(null);

/** Whether the server waits for a token before it shows anything. */
export const locked = computed(() => me.value !== null && me.value.required && !me.value.role);

/** Whether this page may change what it shows: by role, and because it shows the present. */
export const writable = computed(() => ["write", "admin"].includes(me.value?.role) && !at.value);

export async function lookUp() {
  try {
    me.value = await get("me");
    problem.value = null;
  } catch (error) {
    problem.value = error;
  }
}

export async function signIn(token, remember) {
  me.value = await post("sign-in", { token, remember });
}

/** The page begins anew: nothing that was shown stays in memory. */
export async function signOut() {
  me.value = null; // no part of the page asks for anything meanwhile: it would be refused
  try {
    await post("sign-out", {});
    location.reload();
  } catch (error) {
    problem.value = error;
  }
}

// Revoked or expired under an open page: what it shows may stay, what it asks for is refused.
onRefusedToken((message) => {
  if (me.value?.role) me.value = { required: true, name: null, role: null, problem: message };
});
