// Two versions of a photo, one over the other, with a movable line between them, zoom and pan.

import { element } from "./dom.js";

/** @typedef {{ url: string, label: string }} Side */

const LARGEST_ZOOM = 16;
const STEP = 1.25;
const PAN_STEP = 64;

/** Dispatches `zoom` when the scale has changed. */
export class CompareView extends HTMLElement {
  /** Size in pixels of the image that is shown, which may be more than its preview has. */
  #width = 1;
  #height = 1;
  /** CSS pixels for one pixel of the image; null fits it into the view. @type {number | null} */
  #scale = null;
  #x = 0;
  #y = 0;
  #part = 0.5;
  /** @type {Map<number, PointerEvent>} */
  #pointers = new Map();
  /** @type {"wipe" | "pan" | null} */
  #drag = null;

  #before = image("before");
  #after = image("after");
  #canvas = element("div", { class: "canvas" }, this.#before, this.#after);
  #line = element("div", { class: "line", "aria-hidden": "true" });
  #tiles = element("div", { class: "tiles", hidden: true, "aria-hidden": "true" });
  #labels = [element("span", { class: "side left" }), element("span", { class: "side right" })];
  #stage = element("div", { class: "stage", tabindex: 0, role: "group" },
    this.#canvas, this.#line, ...this.#labels);
  #range = element("input", { type: "range", min: 0, max: 1000, step: 10, value: 500,
    class: "wipe", "aria-label": "Line between before and after" });
  #zoomText = element("output", { class: "zoom-text" });
  #hold = element("button", { type: "button", text: "Hold: before", title: "Space" });

  connectedCallback() {
    if (this.#stage.parentNode) return;
    this.#canvas.append(this.#tiles);
    this.#stage.setAttribute("aria-label",
      "Photo. Plus and minus zoom, 0 fits, 1 shows every pixel, arrows move, space shows before.");
    const button = (/** @type {string} */ text, /** @type {string} */ label, /** @type {() => void} */ onclick) =>
      element("button", { type: "button", text, "aria-label": label, title: label, onclick });
    this.append(this.#stage, element("div", { class: "view-tools" }, this.#range,
      element("div", { class: "buttons" }, this.#hold,
        button("−", "Zoom out", () => this.#zoomBy(1 / STEP)), this.#zoomText,
        button("+", "Zoom in", () => this.#zoomBy(STEP)),
        button("Fit", "Fit into the view (0)", () => this.fit()),
        button("1:1", "1:1, a pixel of the photo for each of the screen (1)", () => this.showPixels()))));
    this.#range.addEventListener("input", () => this.#wipe(Number(this.#range.value) / 1000));
    this.#listen();
    new ResizeObserver(() => this.#draw()).observe(this.#stage);
  }

  /**
   * Show one or two versions.
   * @param {{ width: number, height: number, before: Side | null, after: Side | null,
   *   keep?: boolean }} what `keep` leaves zoom and position as they are
   */
  show({ width, height, before, after, keep = false }) {
    const only = before === null || after === null;
    [this.#width, this.#height] = [width, height];
    put(this.#before, before ?? after);
    put(this.#after, after ?? before);
    this.classList.toggle("single", only);
    this.#range.disabled = only;
    this.#hold.disabled = only;
    [before, after].forEach((side, index) => { this.#labels[index].textContent = side?.label ?? ""; });
    if (!keep) this.#scale = null;
    this.#draw();
  }

  /** Show which tiles are restored; null for none. @param {any} progress */
  showTiles(progress) {
    const grid = progress?.tile_grid;
    this.#tiles.hidden = !grid;
    if (!grid) return;
    const rows = Math.floor(progress.tiles_done / grid.columns);
    const rest = progress.tiles_done % grid.columns;
    const percent = (/** @type {number} */ part, /** @type {number} */ all) => `${(100 * part) / all}%`;
    this.#tiles.style.setProperty("--rows", percent(rows, grid.rows));
    this.#tiles.style.setProperty("--row", percent(1, grid.rows));
    this.#tiles.style.setProperty("--columns", percent(rest, grid.columns));
  }

  fit() {
    this.#scale = null;
    this.#draw();
  }

  showPixels() {
    this.#zoomTo(1 / devicePixelRatio);
  }

  /** The part of the image that the view shows, in pixels of the image. */
  get visible() {
    const scale = this.#scaleNow;
    const { clientWidth, clientHeight } = this.#stage;
    const left = Math.max(Math.floor(-this.#x / scale), 0);
    const top = Math.max(Math.floor(-this.#y / scale), 0);
    const right = Math.min(Math.ceil((clientWidth - this.#x) / scale), this.#width);
    const bottom = Math.min(Math.ceil((clientHeight - this.#y) / scale), this.#height);
    return { left, top, width: right - left, height: bottom - top };
  }

  /** Device pixels that are shown for one pixel of the image. */
  get deviceScale() {
    return this.#scaleNow * devicePixelRatio;
  }

  #listen() {
    this.#stage.addEventListener("keydown", (event) => this.#key(event));
    this.#stage.addEventListener("keyup", (event) => {
      if (event.key === " ") this.#peek(false);
    });
    this.#stage.addEventListener("blur", () => this.#peek(false));
    this.#hold.addEventListener("pointerdown", () => this.#peek(true));
    for (const name of ["pointerup", "pointerleave", "pointercancel", "blur"]) {
      this.#hold.addEventListener(name, () => this.#peek(false));
    }
    this.#hold.addEventListener("keydown", (event) => {
      if (event.key === " " || event.key === "Enter") this.#peek(true);
    });
    this.#hold.addEventListener("keyup", () => this.#peek(false));
    this.#stage.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.#zoomBy(Math.exp(-event.deltaY / 400), this.#point(event));
    }, { passive: false });
    this.#stage.addEventListener("pointerdown", (event) => this.#press(event));
    this.#stage.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel"]) {
      this.#stage.addEventListener(name, (event) => {
        this.#pointers.delete(/** @type {PointerEvent} */ (event).pointerId);
        if (this.#pointers.size === 0) this.#drag = null;
      });
    }
    this.#stage.addEventListener("dblclick", (event) => {
      if (this.#scale === null) this.#zoomTo(1 / devicePixelRatio, this.#point(event));
      else this.fit();
    });
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const isZoomed = this.#scale !== null;
    /** @type {Record<string, () => void>} */
    const keys = {
      "+": () => this.#zoomBy(STEP), "=": () => this.#zoomBy(STEP),
      "-": () => this.#zoomBy(1 / STEP), "0": () => this.fit(), "1": () => this.showPixels(),
      " ": () => this.#peek(true),
      ArrowLeft: () => isZoomed ? this.#pan(PAN_STEP, 0) : this.#wipe(this.#part - 0.02),
      ArrowRight: () => isZoomed ? this.#pan(-PAN_STEP, 0) : this.#wipe(this.#part + 0.02),
    };
    if (isZoomed) {
      keys.ArrowUp = () => this.#pan(0, PAN_STEP);
      keys.ArrowDown = () => this.#pan(0, -PAN_STEP);
    }
    const action = keys[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }

  /** @param {PointerEvent} event */
  #press(event) {
    if (event.button !== 0) return;
    this.#pointers.set(event.pointerId, event);
    this.#stage.setPointerCapture(event.pointerId);
    const fromLine = Math.abs(this.#point(event).x - this.#part * this.#stage.clientWidth);
    this.#drag = fromLine < 28 || this.#scale === null ? "wipe" : "pan";
    if (this.#drag === "wipe" && this.#pointers.size === 1) this.#wipe(this.#partAt(event));
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const last = this.#pointers.get(event.pointerId);
    if (!last) return;
    if (this.#pointers.size === 2) this.#pinch(last, event);
    else if (this.#drag === "wipe") this.#wipe(this.#partAt(event));
    else this.#pan(event.clientX - last.clientX, event.clientY - last.clientY);
    this.#pointers.set(event.pointerId, event);
  }

  /** @param {PointerEvent} last @param {PointerEvent} event one of two fingers has moved */
  #pinch(last, event) {
    const other = [...this.#pointers.values()].find((item) => item.pointerId !== event.pointerId);
    if (!other) return;
    const distance = (/** @type {PointerEvent} */ one) =>
      Math.max(Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY), 1);
    const [a, b] = [this.#point(event), this.#point(other)];
    this.#drag = "pan";
    this.#zoomBy(distance(event) / distance(last), { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });
    this.#pan((event.clientX - last.clientX) / 2, (event.clientY - last.clientY) / 2);
  }

  /** @param {MouseEvent} event */
  #point(event) {
    const box = this.#stage.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  /** @param {MouseEvent} event */
  #partAt(event) {
    return this.#point(event).x / this.#stage.clientWidth;
  }

  /** @param {boolean} on show the version before alone, or both again */
  #peek(on) {
    this.classList.toggle("peek", on && !this.#range.disabled);
    this.#draw();
  }

  /** @param {number} part of the view that shows the version before */
  #wipe(part) {
    if (this.#range.disabled) return;
    this.#part = Math.min(Math.max(part, 0), 1);
    this.#draw();
  }

  /** @param {number} x @param {number} y */
  #pan(x, y) {
    this.#x += x;
    this.#y += y;
    this.#draw();
  }

  get #fitScale() {
    const { clientWidth, clientHeight } = this.#stage;
    return Math.min(clientWidth / this.#width, clientHeight / this.#height, 4) || 1;
  }

  get #scaleNow() {
    return this.#scale ?? this.#fitScale;
  }

  /** @param {number} factor @param {{ x: number, y: number }} [at] */
  #zoomBy(factor, at) {
    this.#zoomTo(this.#scaleNow * factor, at);
  }

  /** @param {number} scale @param {{ x: number, y: number }} [at] the point that stays */
  #zoomTo(scale, at) {
    const { clientWidth, clientHeight } = this.#stage;
    const point = at ?? { x: clientWidth / 2, y: clientHeight / 2 };
    const largest = Math.max(LARGEST_ZOOM / devicePixelRatio, this.#fitScale);
    const wanted = Math.min(Math.max(scale, this.#fitScale), largest);
    const factor = wanted / this.#scaleNow;
    this.#x = point.x - factor * (point.x - this.#x);
    this.#y = point.y - factor * (point.y - this.#y);
    this.#scale = wanted <= this.#fitScale ? null : wanted;
    this.#draw();
  }

  #draw() {
    const { clientWidth, clientHeight } = this.#stage;
    if (!clientWidth) return;
    const scale = this.#scaleNow;
    this.#x = inside(this.#x, clientWidth, this.#width * scale);
    this.#y = inside(this.#y, clientHeight, this.#height * scale);
    const isPeeking = this.classList.contains("peek");
    const part = this.classList.contains("single") ? 0 : isPeeking ? 1 : this.#part;
    const style = this.#canvas.style;
    style.width = `${this.#width * scale}px`;
    style.height = `${this.#height * scale}px`;
    style.transform = `translate(${this.#x}px, ${this.#y}px)`;
    this.#after.style.clipPath = `inset(0 0 0 ${Math.max(part * clientWidth - this.#x, 0)}px)`;
    this.#line.style.transform = `translateX(${part * clientWidth}px)`;
    this.classList.toggle("pixels", this.deviceScale >= 2);
    this.classList.toggle("zoomed", this.#scale !== null);
    this.#range.value = String(Math.round(1000 * this.#part));
    this.#range.setAttribute("aria-valuetext", `${Math.round(100 * (1 - this.#part))} % restored`);
    this.#zoomText.textContent = `${Math.round(100 * this.deviceScale)} %`;
    this.dispatchEvent(new Event("zoom"));
  }
}

customElements.define("compare-view", CompareView);

/** @param {string} name */
function image(name) {
  return element("img", { class: name, alt: "", draggable: "false", decoding: "async" });
}

/** @param {HTMLImageElement} image @param {Side | null} side */
function put(image, side) {
  if (side === null) image.removeAttribute("src");
  else if (image.src !== side.url) image.src = side.url;
  image.alt = side?.label ?? "";
}

/** Keep an image in the view, or centered where it is smaller. */
function inside(/** @type {number} */ at, /** @type {number} */ view, /** @type {number} */ size) {
  return size <= view ? (view - size) / 2 : Math.min(Math.max(at, view - size), 0);
}
