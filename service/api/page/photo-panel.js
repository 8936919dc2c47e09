// The chosen photo: before and after, what the job says, and what can be done with it.

import { announce, element } from "./dom.js";
import { CompareView } from "./compare-view.js";
import { orderText } from "./photo-list.js";
import { partOf } from "./region.js";
import { errorText, sizeText, stateText, taskText, timeText } from "./texts.js";

/** @typedef {import("./api.js").Api} Api */
/** @typedef {import("./photo.js").Photo} Photo */
/** @typedef {import("./pictures.js").Pictures} Pictures */
/** @typedef {import("./queue.js").PhotoQueue} PhotoQueue */

const LINK_SECONDS = 60;

/** Dispatches `again` with a photo, and `part` with the region of it that the view shows. */
export class PhotoPanel extends HTMLElement {
  /** @type {Photo | null} */
  photo = null;
  /** The photo that stands for the version before; null for the original. @type {Photo | null} */
  #other = null;
  #full = false;
  #turn = 0;
  #view = new CompareView();
  #title = element("h2", { tabindex: -1 });
  #state = element("p", { class: "state", role: "status" });
  #advice = element("p", { class: "advice" });
  #facts = element("dl", { class: "facts" });
  #download = element("button", { type: "button", class: "primary", text: "Download" });
  #again = element("button", { type: "button", text: "Restore again" });
  #part = element("button", { type: "button", text: "Try this part" });
  #compare = element("select", { "aria-label": "Compare with" });
  #compareField = element("label", { class: "field inline" }, "Compare with ", this.#compare);
  #onChange = () => void this.#show(true);

  /** @param {Api} api @param {PhotoQueue} queue @param {Pictures} pictures */
  connect(api, queue, pictures) {
    this.api = api;
    this.queue = queue;
    this.pictures = pictures;
    this.append(
      element("div", { class: "panel-head" },
        element("div", { class: "panel-words" }, this.#title, this.#state, this.#advice),
        element("div", { class: "buttons" }, this.#compareField, this.#part, this.#again, this.#download)),
      this.#view, this.#facts);
    this.#download.addEventListener("click", () => void this.#save());
    this.#again.title = "With what is chosen under “Restoration”";
    this.#again.addEventListener("click", () =>
      this.dispatchEvent(new CustomEvent("again", { detail: this.photo })));
    this.#part.title = "Restores only what the view shows, at most a square of 512 pixels";
    this.#part.addEventListener("click", () => {
      const { photo } = this;
      if (!photo) return;
      const scale = photo.job?.output ? Number(photo.job.parameters.scale ?? 1) : 1;
      const region = partOf(this.#view.visible, { scale, shown: photo.region });
      this.dispatchEvent(new CustomEvent("part", { detail: { photo, region } }));
    });
    this.#compare.addEventListener("change", () => {
      this.#other = queue.photos.find((photo) => photo.id === this.#compare.value) ?? null;
      void this.#show(true);
    });
    // Beyond the preview's own pixels the whole files are worth loading.
    this.#view.addEventListener("zoom", () => {
      const wanted = this.#view.classList.contains("zoomed");
      if (wanted && !this.#full) {
        this.#full = true;
        void this.#show(true);
      }
    });
  }

  /** @param {Photo | null} photo */
  open(photo) {
    this.photo?.removeEventListener("change", this.#onChange);
    this.photo = photo;
    this.hidden = photo === null;
    [this.#other, this.#full] = [null, false];
    this.#view.hidden = false; // but empty, until there is something to show
    this.#view.classList.add("loading");
    if (!photo) return;
    photo.addEventListener("change", this.#onChange);
    void this.#show(false);
  }

  /** Bring it into view, and the keyboard to it. */
  focusTitle() {
    this.#title.focus({ preventScroll: true });
    const { top, bottom } = this.#title.getBoundingClientRect();
    if (top < 0 || bottom > innerHeight) this.scrollIntoView();
  }

  /** @param {boolean} keep leave zoom and position as they are */
  async #show(keep) {
    const photo = this.photo;
    if (!photo || !this.pictures) return;
    const turn = ++this.#turn;
    this.#showWords(photo);
    const [own, after] = await Promise.all([
      this.#other ? this.pictures.after(this.#other, this.#full) : this.pictures.before(photo, this.#full),
      this.pictures.after(photo, this.#full),
    ]);
    if (turn !== this.#turn) return; // something newer is shown
    const size = photo.job?.output ?? photo.region ?? photo.job?.input ?? await sizeOf(own);
    this.#view.hidden = !size && (photo.ended || Boolean(own));
    this.#view.classList.toggle("loading", !size);
    if (!size) return;
    const label = this.#other ? orderText(this.#other) : after ? "Before" : "";
    this.#view.show({
      width: size.width, height: size.height, keep,
      before: own ? { url: own, label } : null,
      after: after ? { url: after, label: this.#other ? orderText(photo) : "Restored" } : null,
    });
    this.#view.showTiles(photo.state === "running" ? photo.job.progress : null);
  }

  /** @param {Photo} photo */
  #showWords(photo) {
    const isDone = photo.state === "succeeded";
    const text = stateText(photo);
    if (this.#title.textContent !== photo.name) this.#title.textContent = photo.name;
    if (this.#state.textContent !== text) this.#state.textContent = text;
    this.#state.dataset.state = photo.state;
    this.#download.hidden = !isDone;
    this.#again.hidden = !photo.file || !photo.ended;
    this.#part.hidden = this.#again.hidden;
    const problem = photo.ended && photo.problem ? errorText(photo.problem) : null;
    this.#advice.hidden = problem === null;
    this.#advice.replaceChildren(problem?.advice ?? "");
    if (problem?.code) {
      this.#advice.append(" ", element("a", { href: `docs/errors#${problem.code}`, target: "_blank",
        rel: "noopener", text: "More about this error" }));
    }
    this.#showFacts(photo);
    this.#showChoices(photo);
  }

  /** @param {Photo} photo */
  #showFacts(photo) {
    const { job } = photo;
    /** @type {[string, string][]} */
    const facts = [["Restoration", orderText(photo)]];
    if (job?.input) facts.push(["Photo", imageText(job.input)]);
    if (job?.output) {
      facts.push(["Result", imageText(job.output)], ["Done", stepsText(job.steps)]);
      const total = Object.entries(job.timings ?? {}).filter(([name]) => name !== "queued")
        .filter(([name]) => ["decode", "restore", "encode", "store"].includes(name))
        .reduce((sum, [, spent]) => sum + Number(spent), 0);
      facts.push(["Time", job.cached ? "None: cached from an earlier job" : timeText(total)]);
      facts.push(["Kept until", new Date(job.expires_at).toLocaleTimeString([], { timeStyle: "short" })]);
    }
    for (const warning of job?.warnings ?? []) facts.push(["Note", warning.detail]);
    this.#facts.replaceChildren(...facts.map(([name, value]) =>
      element("div", {}, element("dt", { text: name }), element("dd", { text: value }))));
  }

  /** @param {Photo} photo */
  #showChoices(photo) {
    const others = photo.state !== "succeeded" || !photo.file ? [] : (this.queue?.photos ?? []).filter(
      (other) => other !== photo && other.file === photo.file && other.state === "succeeded" &&
        other.order.fields.region === photo.order.fields.region);
    this.#compareField.hidden = others.length === 0;
    this.#compare.replaceChildren(element("option", { value: "", text: "Original" }),
      ...others.map((other) => element("option", { value: other.id, text: orderText(other) })));
    this.#compare.value = this.#other?.id ?? "";
  }

  /** Download by a link that works for a minute: the browser's own download, without the key. */
  async #save() {
    const photo = this.photo;
    if (!photo || !this.api) return;
    try {
      const { url } = await this.api.json(`v1/jobs/${photo.id}/links`, {
        method: "POST", body: JSON.stringify({ ttl: LINK_SECONDS }),
        headers: { "Content-Type": "application/json" },
      });
      element("a", { href: url, download: "" }).click();
      announce(`${photo.name} is being downloaded.`);
    } catch (error) {
      const { what, advice } = errorText(error);
      this.#advice.hidden = false;
      this.#advice.textContent = `${what} ${advice}`;
    }
  }
}

customElements.define("photo-panel", PhotoPanel);

/** @param {any[]} steps */
function stepsText(steps) {
  if (steps.length === 0) return "Nothing: the photo is fine as it is";
  return steps.map(({ task, model, model_version: version }) =>
    `${taskText(task, "").title} (${model} ${version})`).join(", then ");
}

/** @param {any} image */
function imageText({ format, width, height, bytes }) {
  return `${width} × ${height}, ${format.toUpperCase()}, ${sizeText(bytes)}`;
}

/** @param {string | null} url @returns {Promise<{ width: number, height: number } | null>} */
async function sizeOf(url) {
  if (!url) return null;
  const image = new Image();
  image.src = url;
  try {
    await image.decode();
    return { width: image.naturalWidth, height: image.naturalHeight };
  } catch {
    return null;
  }
}
