// Building elements. Text becomes text and never markup: file names may contain anything.

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag @param {Record<string, any>} [properties] attributes, `on…` listeners, `text`
 * @param {(Node | string | null | false)[]} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "text") made.textContent = value;
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== false));
  return made;
}

/** @template {Element} T @param {string} selector @param {ParentNode} root @returns {T} */
export function find(selector, root = document) {
  const found = root.querySelector(selector);
  if (found === null) throw new Error(`The page lacks ${selector}.`);
  return /** @type {T} */ (found);
}

/** Say something to screen readers. @param {string} text */
export function announce(text) {
  find("#announcer").textContent = text;
}
