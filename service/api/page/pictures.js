// The pictures of the photos: previews of the service, the files of the user, and full results.

/** @typedef {import("./api.js").Api} Api */
/** @typedef {import("./photo.js").Photo} Photo */
/** @typedef {{ url: string, isFull: boolean }} Picture */

/** What every browser of today shows. */
const SHOWN = new Set(["image/jpeg", "image/png", "image/webp", "image/avif"]);
/** Some browsers show no more pixels; of others the memory would suffer. */
const MOST_PIXELS = 16_700_000;
const THUMBNAIL = 192;

/** Loads pictures once, and keeps them until the photo is removed. */
export class Pictures {
  #api;
  /** @type {Map<Photo, Map<string, Promise<string | null>>>} */
  #loaded = new Map();
  /** What is behind the addresses. @type {Map<string, Blob>} */
  #blobs = new Map();
  /** Pictures are made smaller one after another: a decoded photo takes much memory. */
  #shrinking = Promise.resolve();

  /** @param {Api} api */
  constructor(api) {
    this.#api = api;
  }

  /** A small picture for the list; null while there is none. @param {Photo} photo */
  async thumbnail(photo) {
    const { file } = photo;
    if (file && SHOWN.has(file.type)) return this.#once(photo, "thumbnail", () => this.#shrink(file));
    if (!hasPreview(photo)) return null;
    return this.#once(photo, "thumbnail", async () => {
      const url = await this.#preview(photo, "input");
      const preview = url && this.#blobs.get(url);
      if (!preview) throw new Error("There is no preview yet.");
      return this.#shrink(preview);
    });
  }

  /** The photo as it was; null while there is none. @param {Photo} photo @param {boolean} [full] */
  async before(photo, full = false) {
    const { file } = photo;
    // Until the service has a preview: that one has the colors of the result's.
    const preview = hasPreview(photo) ? await this.#preview(photo, "input") : null;
    const isSmall = !photo.job?.input || pixels(photo.job.input) <= MOST_PIXELS;
    // The file is the whole photo, and the preview shows every pixel of a part.
    if (file && !photo.region && SHOWN.has(file.type) && (full || !preview) && isSmall) {
      return this.#once(photo, "file", async () => file);
    }
    return preview;
  }

  /** The result; null if there is none. @param {Photo} photo @param {boolean} [full] */
  async after(photo, full = false) {
    const output = photo.job?.output;
    if (photo.state !== "succeeded" || !output) return null;
    if (full && this.canShowFull(photo)) {
      return this.#once(photo, "whole", () => this.#fetch(`v1/jobs/${photo.id}/result`));
    }
    return this.#preview(photo, "result");
  }

  /** Whether the browser can show every pixel of the result. @param {Photo} photo */
  canShowFull(photo) {
    const output = photo.job?.output;
    return Boolean(output) && SHOWN.has(`image/${output.format}`) && pixels(output) <= MOST_PIXELS;
  }

  /** The file of the result. @param {Photo} photo */
  async result(photo) {
    const answer = await this.#api.request(`v1/jobs/${photo.id}/result`);
    return answer.body ?? new Blob().stream();
  }

  /** @param {Photo} photo */
  forget(photo) {
    for (const loading of this.#loaded.get(photo)?.values() ?? []) {
      void loading.then((url) => {
        if (!url) return;
        URL.revokeObjectURL(url);
        this.#blobs.delete(url);
      });
    }
    this.#loaded.delete(photo);
  }

  /** @param {Photo} photo @param {"input" | "result"} of */
  #preview(photo, of) {
    return this.#once(photo, of, () => this.#fetch(`v1/jobs/${photo.id}/preview?of=${of}`));
  }

  /** @param {string} path */
  async #fetch(path) {
    return (await this.#api.request(path)).blob();
  }

  /** @param {Blob} picture @returns {Promise<Blob | null>} */
  #shrink(picture) {
    const made = this.#shrinking.then(() => shrink(picture));
    this.#shrinking = made.then(() => {});
    return made;
  }

  /**
   * @param {Photo} photo @param {string} name @param {() => Promise<Blob | null>} load
   * @returns {Promise<string | null>}
   */
  #once(photo, name, load) {
    const known = this.#loaded.get(photo) ?? new Map();
    this.#loaded.set(photo, known);
    if (!known.has(name)) {
      const loading = load().then((blob) => {
        if (blob === null) return null;
        const url = URL.createObjectURL(blob);
        this.#blobs.set(url, blob);
        return url;
      });
      known.set(name, loading.catch(() => {
        known.delete(name); // it may succeed later
        return null;
      }));
    }
    return known.get(name);
  }
}

/**
 * Width and height of a photo when it is upright; null where the browser cannot read it.
 * @param {Blob} file
 */
export async function sizeOfFile(file) {
  try {
    const bitmap = await createImageBitmap(file);
    const { width, height } = bitmap;
    bitmap.close();
    return { width, height };
  } catch {
    return null;
  }
}

/** @param {{ width: number, height: number }} image */
function pixels({ width, height }) {
  return width * height;
}

/** Whether the service has decoded the photo. @param {Photo} photo */
function hasPreview(photo) {
  return Boolean(photo.job?.progress?.tile_grid) || photo.state === "succeeded";
}

/** Make a small copy of an image file, off the page's own thread; null if it is none. */
async function shrink(/** @type {Blob} */ file) {
  try {
    const bitmap = await createImageBitmap(file, { resizeWidth: THUMBNAIL, resizeQuality: "medium" });
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    canvas.getContext("2d")?.drawImage(bitmap, 0, 0);
    bitmap.close();
    return await canvas.convertToBlob({ type: "image/webp", quality: 0.8 });
  } catch {
    return null;
  }
}
