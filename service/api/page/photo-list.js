// The photos of the page as a list of cards.

import { element } from "./dom.js";
import { errorText, stateText, taskText } from "./texts.js";

/** @typedef {import("./photo.js").Photo} Photo */
/** @typedef {import("./queue.js").PhotoQueue} PhotoQueue */
/** @typedef {import("./pictures.js").Pictures} Pictures */

/** Dispatches `choose` with a photo, and `save` for all results. */
export class PhotoList extends HTMLElement {
  #list = element("ul", { class: "photos", "aria-label": "Photos" });
  #count = element("h2", { text: "Photos" });
  #saveAll = element("button", { type: "button", text: "Download all", hidden: true,
    onclick: () => this.dispatchEvent(new Event("save")) });
  #removeAll = element("button", { type: "button", text: "Delete all" });
  #head = element("div", { class: "list-head", hidden: true }, this.#count,
    element("div", { class: "buttons" }, this.#saveAll, this.#removeAll));
  /** @type {Map<Photo, HTMLLIElement>} */
  #cards = new Map();

  /** @param {PhotoQueue} queue @param {Pictures} pictures */
  follow(queue, pictures) {
    this.append(this.#head, this.#list);
    this.#removeAll.addEventListener("click", () => {
      const { length } = queue.photos;
      if (!confirm(`Delete ${length} photos and their results from the service?`)) return;
      for (const photo of [...queue.photos]) void queue.remove(photo);
    });
    const count = () => {
      const done = queue.photos.filter((photo) => photo.state === "succeeded").length;
      const open = queue.photos.filter((photo) => !photo.ended).length;
      this.#head.hidden = queue.photos.length === 0;
      this.#saveAll.hidden = done < 2;
      this.#count.textContent = open ? `Photos: ${done} restored, ${open} to go` : "Photos";
    };
    queue.addEventListener("add", (event) => {
      const photo = /** @type {CustomEvent} */ (event).detail;
      const card = this.#card(photo, queue, pictures);
      this.#cards.set(photo, card);
      const index = queue.photos.indexOf(photo);
      this.#list.insertBefore(card, this.#list.children[index] ?? null);
      photo.addEventListener("change", count);
      count();
    });
    queue.addEventListener("remove", (event) => {
      const photo = /** @type {CustomEvent} */ (event).detail;
      this.#cards.get(photo)?.remove();
      this.#cards.delete(photo);
      count();
    });
    // Times that are counted down.
    setInterval(() => {
      for (const [photo, card] of this.#cards) {
        if (!photo.ended) showState(photo, card);
      }
    }, 1000);
  }

  /** Show how far the archive of all results is; an empty text at its end. @param {string} text */
  showSaving(text) {
    this.#saveAll.textContent = text || "Download all";
    this.#saveAll.disabled = text !== "";
  }

  /** @param {Photo | null} photo */
  mark(photo) {
    for (const [other, card] of this.#cards) {
      const button = card.querySelector(".open");
      if (other === photo) button?.setAttribute("aria-current", "true");
      else button?.removeAttribute("aria-current");
    }
  }

  /** @param {Photo} photo @param {PhotoQueue} queue @param {Pictures} pictures */
  #card(photo, queue, pictures) {
    const picture = element("img", { alt: "", class: "thumb", hidden: true, loading: "lazy" });
    const open = element("button", { type: "button", class: "open",
      onclick: () => this.dispatchEvent(new CustomEvent("choose", { detail: photo })) },
      picture,
      element("span", { class: "name", text: photo.name }),
      element("span", { class: "what", text: orderText(photo) }),
      element("span", { class: "state" }));
    const cancel = element("button", { type: "button", class: "small stop", text: "Cancel",
      "aria-label": `Cancel ${photo.name}`, onclick: () => void queue.cancel(photo) });
    const remove = element("button", { type: "button", class: "small remove", text: "Delete",
      "aria-label": `Delete ${photo.name}`, onclick: () => void queue.remove(photo) });
    const card = element("li", { class: "card" }, open,
      element("progress", { max: 100, "aria-label": `Progress of ${photo.name}` }), cancel, remove);
    let isSeen = false;
    const show = () => {
      showState(photo, card);
      if (!isSeen) return;
      void pictures.thumbnail(photo).then((url) => {
        if (url && picture.src !== url) picture.src = url;
        picture.hidden = !url;
      });
    };
    photo.addEventListener("change", show);
    show();
    const seen = new IntersectionObserver(([{ isIntersecting }]) => {
      if (!isIntersecting) return;
      isSeen = true;
      seen.disconnect();
      show();
    }, { rootMargin: "200px" });
    seen.observe(card);
    return card;
  }
}

customElements.define("photo-list", PhotoList);

/** @param {Photo} photo */
export function orderText(photo) {
  const { task, fields } = photo.order;
  const scale = fields.scale ? ` ${fields.scale}×` : "";
  const strength = fields.strength ? `, ${fields.strength} %` : "";
  const part = fields.region ? ", a part" : "";
  return taskText(task, "").title + scale + strength + part;
}

/** @param {Photo} photo @param {HTMLLIElement} card */
function showState(photo, card) {
  card.dataset.state = photo.state;
  const state = card.querySelector(".state");
  const text = stateText(photo);
  if (state && state.textContent !== text) state.textContent = text;
  const bar = card.querySelector("progress");
  if (bar) {
    bar.hidden = photo.ended;
    if (photo.state === "uploading") bar.value = 100 * photo.sent;
    else if (photo.state === "running") bar.value = photo.percent;
    else bar.removeAttribute("value");
    // A bar that moves without end tells nothing for photos that only wait.
    if (["waiting", "limited", "offline"].includes(photo.state)) bar.value = 0;
  }
  for (const [selector, shown] of [[".stop", !photo.ended], [".remove", photo.ended]]) {
    const button = card.querySelector(/** @type {string} */ (selector));
    if (button instanceof HTMLElement) button.hidden = !shown;
  }
  if (photo.problem && photo.ended) card.title = errorText(photo.problem).advice;
}
