// The page: it connects the queue, the list, the chosen photo and the form. Begin here.

import { Api } from "./api.js";
import { announce, element, find } from "./dom.js";
import "./drop-zone.js";
import { JobFeed } from "./job-feed.js";
import { installKeyDialog } from "./key-dialog.js";
import { Photo, regionText } from "./photo.js";
import { Pictures, sizeOfFile } from "./pictures.js";
import "./photo-list.js";
import "./photo-panel.js";
import { PhotoQueue } from "./queue.js";
import { middleOf } from "./region.js";
import "./task-form.js";
import { errorText, stateText } from "./texts.js";
import { zip } from "./zip.js";

const RETRY_MS = 3000;

/** @type {() => void} */
let isReady = () => {};
/** Photos may be dropped before it is known what can be done with them. */
const ready = new Promise((resolve) => { isReady = () => resolve(undefined); });

const api = new Api();
const feed = new JobFeed(api);
const queue = new PhotoQueue(api, feed);
const pictures = new Pictures(api);

const form = /** @type {import("./task-form.js").TaskForm} */ (find("task-form"));
const list = /** @type {import("./photo-list.js").PhotoList} */ (find("photo-list"));
const panel = /** @type {import("./photo-panel.js").PhotoPanel} */ (find("photo-panel"));
const banner = /** @type {HTMLElement} */ (find("#banner"));

/** @param {Photo | null} photo */
function open(photo) {
  panel.open(photo);
  list.mark(photo);
  document.body.classList.toggle("has-photos", photo !== null);
}

/**
 * @param {File} file @param {string} name
 * @param {import("./photo.js").Region | null} [region] the part that is wanted; null for all of it
 */
function restore(file, name, region = null) {
  const { order } = form;
  if (region) order.fields.region = regionText(region);
  const photo = new Photo({ file, name, order });
  photo.addEventListener("change", () => {
    if (photo.ended) announce(`${photo.name}: ${stateText(photo)}`);
  });
  queue.add(photo);
  return photo;
}

/** The part of a new photo that is wanted; null for all of it. @param {File} file */
async function partOfNew(file) {
  if (!form.wantsPart) return null;
  const size = await sizeOfFile(file);
  if (!size) announce(`${file.name} is restored as a whole: this browser cannot read it.`);
  return size && middleOf(size);
}

/** Download all results as one archive. */
async function saveAll() {
  const done = queue.photos.filter((photo) => photo.state === "succeeded");
  const entries = done.map((photo) => ({ name: resultName(photo), read: () => pictures.result(photo) }));
  const show = (/** @type {number} */ made) => list.showSaving(`${made} of ${done.length}`);
  show(0);
  try {
    const url = URL.createObjectURL(await zip(entries, show));
    element("a", { href: url, download: "restored.zip" }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  } catch (error) {
    showBanner(error instanceof RangeError ? error.message : errorText(error).what);
  } finally {
    list.showSaving("");
  }
}

/** @param {Photo} photo */
function resultName(photo) {
  const { format } = photo.job.output;
  const suffix = { jpeg: "jpg", tiff: "tif" }[/** @type {string} */ (format)] ?? format;
  return `${photo.name.replace(/\.[^.]*$/, "").replace(/[/\\:]/g, "_")}-restored.${suffix}`;
}

/** @param {string} text an empty one hides it */
function showBanner(text) {
  banner.textContent = text;
  banner.hidden = text === "";
}

async function start() {
  for (;;) {
    try {
      const { tasks } = await api.json("v1/tasks");
      form.show(tasks);
      showBanner("");
      break;
    } catch (error) {
      const { what, advice } = errorText(error);
      showBanner(`${what} ${advice}`);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
  document.body.classList.add("ready");
  isReady();
  await queue.restore().catch(() => {}); // earlier photos are a convenience
}

list.follow(queue, pictures);
panel.connect(api, queue, pictures);
installKeyDialog(api, () => feed.restart());

queue.addEventListener("remove", (event) => {
  const photo = /** @type {CustomEvent} */ (event).detail;
  pictures.forget(photo);
  if (panel.photo === photo) open(queue.photos[0] ?? null);
});
list.addEventListener("choose", (event) => {
  open(/** @type {CustomEvent} */ (event).detail);
  panel.focusTitle();
});
panel.addEventListener("again", (event) => {
  const photo = /** @type {CustomEvent} */ (event).detail;
  open(restore(photo.file, photo.name, form.wantsPart ? photo.region : null));
});
panel.addEventListener("part", (event) => {
  const { photo, region } = /** @type {CustomEvent} */ (event).detail;
  open(restore(photo.file, photo.name, region));
});
list.addEventListener("save", () => void saveAll());
find("drop-zone").addEventListener("sample", () => form.choose("denoise"));
find("drop-zone").addEventListener("files", async (event) => {
  const files = /** @type {CustomEvent<File[]>} */ (event).detail;
  await ready;
  // A pasted picture has no name of its own.
  const regions = await Promise.all(files.map(partOfNew));
  const photos = files.map((file, index) =>
    restore(file, file.name || "Pasted photo.png", regions[index]));
  open(photos[0]);
  announce(photos.length === 1 ? `${photos[0].name} is sent.` : `${photos.length} photos are sent.`);
});

void start();
