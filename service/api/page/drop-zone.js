// Where photos come in: dropped or pasted anywhere on the page, chosen, or taken with a camera.

import { element } from "./dom.js";

/** Camera raw files have no type of their own in browsers. */
const ACCEPTED = "image/*,.tif,.tiff,.heic,.heif,.dng,.nef,.nrw,.cr2,.cr3,.arw,.raf,.rw2,.orf,.pef";

/** Dispatches `files` with an array of files, and `sample` before the file of the sample. */
export class DropZone extends HTMLElement {
  #depth = 0;

  connectedCallback() {
    if (this.firstChild) return;
    const chooser = this.#input({ multiple: true, accept: ACCEPTED });
    const camera = this.#input({ accept: "image/*", capture: "environment" });
    this.append(
      element("div", { class: "drop-inner" },
        element("p", { class: "drop-title", text: "Drop photos here" }),
        element("p", { class: "drop-text", text: "or paste one. Many at once are fine." }),
        element("div", { class: "buttons" },
          element("button", { type: "button", class: "primary", id: "choose", text: "Choose photos",
            onclick: () => chooser.click() }),
          element("button", { type: "button", class: "camera", text: "Take a photo",
            hidden: navigator.maxTouchPoints === 0,
            onclick: () => camera.click() }),
          element("button", { type: "button", class: "sample", text: "Try a sample",
            onclick: () => void this.#giveSample() }))),
      chooser, camera);
    window.addEventListener("dragenter", (event) => this.#drag(event, 1));
    window.addEventListener("dragleave", (event) => this.#drag(event, -1));
    window.addEventListener("dragover", (event) => event.preventDefault());
    window.addEventListener("drop", (event) => {
      event.preventDefault();
      this.#depth = 0;
      document.body.classList.remove("dragging");
      this.#give(event.dataTransfer?.files);
    });
    window.addEventListener("paste", (event) => this.#give(event.clipboardData?.files));
  }

  /** @param {Record<string, any>} attributes */
  #input(attributes) {
    const input = element("input", { type: "file", hidden: true, tabindex: -1, ...attributes,
      onchange: () => {
        this.#give(input.files);
        input.value = ""; // so that the same file can be chosen again
      } });
    return input;
  }

  /** @param {DragEvent} event @param {number} change */
  #drag(event, change) {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    this.#depth = Math.max(this.#depth + change, 0);
    document.body.classList.toggle("dragging", this.#depth > 0);
  }

  async #giveSample() {
    const answer = await fetch(new URL("sample.webp", import.meta.url));
    const file = new File([await answer.blob()], "Sample photo.webp", { type: "image/webp" });
    this.dispatchEvent(new Event("sample"));
    this.dispatchEvent(new CustomEvent("files", { detail: [file] }));
  }

  /** @param {FileList | null | undefined} files */
  #give(files) {
    if (!files?.length) return;
    this.dispatchEvent(new CustomEvent("files", { detail: [...files] }));
  }
}

customElements.define("drop-zone", DropZone);
