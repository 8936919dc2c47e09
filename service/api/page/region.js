// The part of a photo that is tried before the whole is restored.

/** @typedef {import("./photo.js").Region} Region */

/** Largest side of a part: enough to judge by, and a few tiles of the models. */
const LARGEST = 512;

/** A square in the middle of a photo. @param {{ width: number, height: number }} size @returns {Region} */
export function middleOf({ width, height }) {
  return middle({ left: 0, top: 0, width, height });
}

/**
 * The middle of what a view shows, in pixels of the photo.
 * @param {Region} visible in pixels of the picture in the view
 * @param {{ scale: number, shown: Region | null }} picture pixels of it for one of the photo, along
 *   a side, and the part of the photo that it shows; null for the whole
 * @returns {Region}
 */
export function partOf(visible, { scale, shown }) {
  const [left, top, width, height] = [visible.left, visible.top, visible.width, visible.height]
    .map((value) => Math.floor(value / scale));
  const part = middle({ left, top, width, height });
  return { ...part, left: part.left + (shown?.left ?? 0), top: part.top + (shown?.top ?? 0) };
}

/** @param {Region} outer @returns {Region} */
function middle({ left, top, width, height }) {
  const [across, down] = [width, height].map((side) => Math.min(side, LARGEST));
  return {
    left: left + Math.floor((width - across) / 2), top: top + Math.floor((height - down) / 2),
    width: across, height: down,
  };
}
