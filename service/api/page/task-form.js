// The choice of a restoration and its parameters, as the service offers them.

import { element } from "./dom.js";
import { parameterName, taskText } from "./texts.js";

/** @typedef {import("./photo.js").Order} Order */

const FORMATS = { jpeg: "JPEG", png: "PNG", webp: "WebP", tiff: "TIFF", bmp: "BMP", avif: "AVIF",
  heic: "HEIC" };
const METADATA = [["keep", "Keep all"], ["keep-no-gps", "Keep all but the place"],
  ["strip", "Remove"]];
/** Parts of the order that are the same for all tasks. */
const SAVING = ["format", "quality", "metadata"];
const FULL = "100";
const LOSSY = new Set(["jpeg", "webp", "avif", "heic"]);

/** Dispatches `change`. */
export class TaskForm extends HTMLElement {
  /** @type {any[]} */
  #tasks = [];
  #form = element("form", { novalidate: true });
  #parameters = element("div", { class: "parameters" });

  connectedCallback() {
    if (this.#form.parentNode) return;
    this.#form.addEventListener("submit", (event) => event.preventDefault());
    this.#form.addEventListener("change", (event) => this.#changed(event));
    this.append(this.#form);
  }

  /** Show the tasks of the service. @param {any[]} tasks */
  show(tasks) {
    this.#tasks = tasks;
    const list = element("div", { class: "tasks" });
    tasks.forEach((task, index) => {
      const { title, summary, example, picture } = taskText(task.name, task.summary);
      list.append(element("label", { class: "task" },
        element("input", { type: "radio", name: "task", value: task.name, checked: index === 0 }),
        element("span", { class: "task-title", text: title }),
        element("span", { class: "task-summary", text: summary }),
        example !== "" && element("span", { class: "task-example", text: example }),
        picture !== "" && element("img", { src: new URL(picture, import.meta.url), alt: "", loading: "lazy",
          class: "task-picture", width: 320, height: 144 })));
    });
    const group = element("fieldset", {}, element("legend", { text: "Restoration" }), list);
    this.#form.replaceChildren(group, this.#parameters, strengthField(),
      element("label", { class: "check", title: "Restores a square of at most 512 pixels in the middle" },
        element("input", { type: "checkbox", name: "part" }), " Try a part first"),
      this.#saving(tasks[0]?.formats ?? []));
    this.#showParameters();
  }

  /** Choose a task, if the service has it. @param {string} name */
  choose(name) {
    const input = this.#form.querySelector(`input[name=task][value="${name}"]`);
    if (input instanceof HTMLInputElement) {
      input.checked = true;
      this.#showParameters();
    }
  }

  /** What a photo is to be restored with, now. @returns {Order} */
  get order() {
    const values = new FormData(this.#form);
    /** @type {Record<string, string>} */
    const fields = {};
    for (const { name, minimum } of this.#task.parameters) {
      const value = String(values.get(name) ?? "");
      if (value === "number" && minimum !== null) fields[name] = String(values.get(`${name}:number`));
      else if (value) fields[name] = value;
    }
    for (const name of SAVING) {
      const value = String(values.get(name) ?? "");
      if (value && !(name === "quality" && !LOSSY.has(fields.format))) fields[name] = value;
    }
    const strength = String(values.get("strength") ?? FULL);
    if (strength !== FULL) fields.strength = strength;
    return { task: this.#task.name, fields };
  }

  /** Whether only a part of each photo is wanted. */
  get wantsPart() {
    return new FormData(this.#form).has("part");
  }

  get #task() {
    const name = new FormData(this.#form).get("task");
    return this.#tasks.find((task) => task.name === name) ?? { name: "", parameters: [] };
  }

  /** @param {Event} event */
  #changed(event) {
    const input = /** @type {HTMLInputElement} */ (event.target);
    if (input.name === "task") this.#showParameters();
    this.#enable();
    this.dispatchEvent(new Event("change"));
  }

  #showParameters() {
    this.#parameters.replaceChildren(...this.#task.parameters.map(parameterField));
    this.#enable();
  }

  /** Enable the inputs that the choice of another one makes meaningful. */
  #enable() {
    const values = new FormData(this.#form);
    for (const input of this.#form.querySelectorAll("input[data-of]")) {
      const { of: name, when } = /** @type {HTMLInputElement} */ (input).dataset;
      const chosen = String(values.get(name ?? "") ?? "");
      const wanted = (when ?? "").split(" ").includes(chosen);
      /** @type {HTMLInputElement} */ (input).disabled = !wanted;
    }
  }

  /** @param {string[]} formats */
  #saving(formats) {
    const names = /** @type {Record<string, string>} */ (FORMATS);
    return element("details", { class: "saving" }, element("summary", { text: "Saving" }),
      choice("format", "Format", [["", "Same as the photo"],
        ...formats.map((format) => [format, names[format] ?? format.toUpperCase()])]),
      element("label", { class: "field" }, "Quality",
        element("input", { type: "number", name: "quality", min: 1, max: 100, value: 95,
          "data-of": "format", "data-when": [...LOSSY].join(" "), inputmode: "numeric" })),
      choice("metadata", "Camera data", METADATA));
  }
}

customElements.define("task-form", TaskForm);

/** @param {any} parameter */
function parameterField({ name, values, required, minimum, maximum }) {
  const label = parameterName(name);
  if (minimum !== null) return numberField(name, label, values, minimum, maximum);
  if (values.length > 6) return choice(name, label, values.map((/** @type {string} */ value) => [value, value]));
  /** @type {string[][]} */
  const options = values.map((/** @type {string} */ value) =>
    [value, name === "scale" ? `${value}×` : value]);
  if (!required && values.length > 1) options.unshift(["", "As the file says"]);
  const chosen = options[0][0];
  return element("fieldset", { class: "segments" }, element("legend", { text: label }),
    element("div", {}, ...options.map(([value, text]) =>
      element("label", {},
        element("input", { type: "radio", name, value, checked: value === chosen }),
        element("span", { text })))));
}

/**
 * Words such as `auto`, or a number.
 * @param {string} name @param {string} label @param {string[]} words
 * @param {number} minimum @param {number} maximum
 */
function numberField(name, label, words, minimum, maximum) {
  const output = element("output", { text: String(Math.round((minimum + maximum) / 2)) });
  const slider = element("input", { type: "range", name: `${name}:number`, min: minimum,
    max: maximum, step: 1, value: Number(output.textContent), "aria-label": label,
    "data-of": name, "data-when": "number", disabled: words.length > 0,
    oninput: () => { output.textContent = slider.value; } });
  return element("fieldset", { class: "segments" }, element("legend", { text: label }),
    element("div", {},
      ...words.map((word, index) => element("label", {},
        element("input", { type: "radio", name, value: word, checked: index === 0 }),
        element("span", { text: word === "auto" ? "Automatic" : word }))),
      element("label", {},
        element("input", { type: "radio", name, value: "number", checked: words.length === 0 }),
        element("span", { text: "By hand" }))),
    element("div", { class: "amount" }, slider, output));
}

/** How much of the restoration is wanted. */
function strengthField() {
  const output = element("output", { text: FULL });
  const slider = element("input", { type: "range", name: "strength", min: 0, max: FULL, step: 5,
    value: FULL, "aria-label": "Strength in percent",
    oninput: () => { output.textContent = slider.value; } });
  return element("fieldset", { class: "segments" }, element("legend", { text: "Strength" }),
    element("div", { class: "amount" }, slider, output));
}

/** @param {string} name @param {string} label @param {string[][]} options */
function choice(name, label, options) {
  return element("label", { class: "field" }, label,
    element("select", { name },
      ...options.map(([value, text]) => element("option", { value, text }))));
}
