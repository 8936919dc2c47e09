// Words of the page: what the tasks are for, how photos are doing, and what to do about errors.

import { NetworkError, Problem } from "./api.js";

/** @typedef {import("./photo.js").Photo} Photo */

/** @type {Record<string, { title: string, example: string }>} */
const TASKS = {
  "auto": { title: "Automatic", example: "Removes noise and JPEG traces where it finds them" },
  "denoise": { title: "Remove noise", example: "Night shots, high ISO, scanned film" },
  "jpeg-artifacts": { title: "Repair JPEG", example: "Blocks and halos of photos sent by chat" },
  "super-resolution": { title: "Enlarge", example: "Small photos for print or a large screen" },
  "demosaic": { title: "Develop raw", example: "Sensor data of a camera: DNG, NEF, CR2, ARW" },
  "motion-deblur": { title: "Fix camera shake", example: "Streaks of a hand that moved" },
  "defocus-deblur": { title: "Fix focus", example: "A subject just out of focus" },
  "weather": { title: "Remove rain and snow", example: "Rain, its haze, snow, drops on the lens" },
};

/** @type {Record<string, string>} */
const NAMES = {
  scale: "Enlarge by", source: "The file is", pattern: "Sensor pattern", noise_level: "Noise level", strength: "Strength",
};

/** @type {Record<string, string>} */
const ADVICE = {
  "body-too-large": "Save it smaller or with stronger compression, and drop it again.",
  "codec-failed": "Open it in a photo editor, save it as JPEG or PNG, and drop that file.",
  "decoding-timeout": "Save it as JPEG or PNG in a photo editor, and drop that file.",
  "empty-image": "The file has no content. Choose another one.",
  "foreign-request": "Open this page on the machine on which the service runs.",
  "gpu-out-of-memory": "Try again in a minute.",
  "image-corrupt": "The file is damaged. Open it in a photo editor and save it again.",
  "image-too-large": "Make the photo smaller, or crop it, and drop it again.",
  "image-too-small": "Choose a larger photo.",
  "image-truncated": "The file is not complete. Copy it from the camera or phone again.",
  "input-expired": "It waited for too long. Restore it again.",
  "no-model-for-image": "Choose another restoration for this photo.",
  "output-unsupported": "Choose another format under “Saving”.",
  "quota-exceeded": "The quota of today is used up. It starts anew at midnight UTC.",
  "result-expired": "Results are kept for a limited time. Restore the photo again.",
  "result-too-large": "Enlarge it less, or save it as JPEG or WebP.",
  "scope-missing": "Use an API key that allows jobs to be written and read.",
  "too-many-frames": "Save one picture of the animation or document, and drop that file.",
  "unsupported-image-format": "Save it as JPEG, PNG, WebP or TIFF, and drop that file.",
  "unsupported-pixel-mode": "Save it as 8- or 16-bit RGB in a photo editor.",
  "missing-parameter": "Choose a value on the left, and restore it again.",
};

/** @param {string} name @param {string} summary */
export function taskText(name, summary) {
  const known = TASKS[name];
  return {
    title: known?.title ?? capital(name.replaceAll("-", " ")),
    summary,
    example: known?.example ?? "",
    /** A small picture, half before and half after. */
    picture: known && name !== "auto" ? `task-${name}.webp` : "",
  };
}

/** @param {string} name */
export function parameterName(name) {
  return NAMES[name] ?? capital(name.replaceAll("_", " "));
}

/** @param {Photo} photo one line about how it is doing */
export function stateText(photo) {
  switch (photo.state) {
    case "waiting": return "Waiting for its turn";
    case "limited": return limitedText(photo);
    case "offline": return "No connection. It is sent as soon as the service can be reached.";
    case "uploading": return photo.sent < 1 ? `Uploading, ${Math.round(100 * photo.sent)} %` : "Checking";
    case "queued": return queuedText(photo);
    case "running": return runningText(photo);
    case "succeeded": return "Restored";
    case "canceled": return "Canceled";
    case "gone": return "No longer kept by the service";
    default: return errorText(photo.problem).what;
  }
}

/**
 * What happened, and what to do about it.
 * @param {any} error a `Problem`, another error, or the failure of a job
 */
export function errorText(error) {
  if (error instanceof NetworkError) {
    return { what: error.message, advice: "Check the connection; the page tries again.", code: "" };
  }
  const code = error?.code ?? "";
  const what = (error instanceof Problem ? error.message : error?.detail) || "Something went wrong.";
  const again = error?.retryable ? "Try again in a minute." : "Try another photo or restoration.";
  return { what, advice: ADVICE[code] ?? again, code };
}

/** @param {number} total */
export function timeText(total) {
  if (total < 1) return "under 1 s";
  if (total < 90) return `${Math.round(total)} s`;
  return `${Math.round(total / 60)} min`;
}

/** @param {number} bytes */
export function sizeText(bytes) {
  if (bytes < 1e6) return `${Math.max(Math.round(bytes / 1e3), 1)} kB`;
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}

/** @param {Photo} photo */
function limitedText(photo) {
  const left = Math.ceil((photo.until - Date.now()) / 1000);
  const when = left > 1 ? `, ${timeText(left)} left` : "";
  const busy = photo.problem && photo.problem.status === 503;
  return `${busy ? "The service is busy" : "Waiting for your limit"}${when}`;
}

/** @param {Photo} photo */
function queuedText(photo) {
  const before = photo.job?.queue_position;
  return before ? `In the queue behind ${before}` : "In the queue";
}

/** @param {Photo} photo */
function runningText(photo) {
  const { stage } = photo.job.progress;
  if (stage === "decode") return "Reading the photo";
  if (stage === "encode" || stage === "store") return "Saving";
  const left = photo.secondsLeft;
  return `Restoring, ${photo.percent} %${left === null ? "" : `, ${timeText(left)} left`}`;
}

/** @param {string} text */
function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
