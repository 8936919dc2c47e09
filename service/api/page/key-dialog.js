// The API key: asked for when the service wants one, and forgotten with the page.

import { element, find } from "./dom.js";

/** @typedef {import("./api.js").Api} Api */

/** Ask for a key when the service requires one. @param {Api} api @param {() => void} onChange */
export function installKeyDialog(api, onChange) {
  const dialog = /** @type {HTMLDialogElement} */ (find("#key-dialog"));
  const input = /** @type {HTMLInputElement} */ (find("#key-input"));
  const keep = /** @type {HTMLInputElement} */ (find("#key-keep"));
  const button = /** @type {HTMLButtonElement} */ (find("#key-button"));

  const show = () => {
    button.hidden = !api.keyEnd;
    button.replaceChildren(element("span", { text: `Forget key …${api.keyEnd}` }));
  };
  api.addEventListener("keyneeded", (event) => {
    const problem = /** @type {CustomEvent} */ (event).detail;
    find("#key-reason").textContent = problem.code === "key-missing"
      ? "This service requires a key. Ask whoever runs it for one."
      : "The service no longer takes this key: it is unknown, revoked or expired. Nothing is lost.";
    input.value = "";
    if (!dialog.open) dialog.showModal();
  });
  // Without a key nothing works: Escape does not close the dialog.
  dialog.addEventListener("cancel", (event) => event.preventDefault());
  dialog.addEventListener("close", () => {
    const key = input.value.trim();
    input.value = "";
    if (!key) return dialog.showModal();
    api.useKey(key, keep.checked);
    show();
    onChange();
  });
  button.addEventListener("click", () => {
    api.useKey("", false);
    location.reload();
  });
  show();
}
