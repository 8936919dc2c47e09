// ZIP archives without compression: photos are compressed already.

/** @typedef {{ name: string, read: () => Promise<ReadableStream<Uint8Array>> }} Entry */

/** Sizes and positions of the format have 32 bits. */
export const MOST_BYTES = 2 ** 32 - 1;

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});
/** UTF-8 names. */
const FLAGS = 0x0800;
const VERSION = 20;

/**
 * Build an archive of the entries, one after another.
 * @param {Entry[]} entries @param {(done: number) => void} onProgress
 * @returns {Promise<Blob>}
 */
export async function zip(entries, onProgress) {
  /** @type {BlobPart[]} */
  const parts = [];
  /** @type {Uint8Array<ArrayBuffer>[]} */
  const directory = [];
  let position = 0;
  for (const [index, { name, read }] of uniquelyNamed(entries).entries()) {
    const content = await collect(await read());
    const head = { name: new TextEncoder().encode(name), ...content, position };
    const local = localHeader(head);
    parts.push(local, content.blob);
    directory.push(centralHeader(head));
    position += local.length + content.size;
    if (position > MOST_BYTES) throw new RangeError("The archive would be larger than 4 GB.");
    onProgress(index + 1);
  }
  const size = directory.reduce((sum, entry) => sum + entry.length, 0);
  const end = fields([[4, 0x06054b50], [2, 0], [2, 0], [2, directory.length],
    [2, directory.length], [4, size], [4, position], [2, 0]]);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}

/** Give each entry a name of its own: the same photo may be there twice. @param {Entry[]} entries */
function uniquelyNamed(entries) {
  const taken = new Set();
  return entries.map((entry) => {
    const dot = entry.name.lastIndexOf(".");
    const [stem, suffix] = dot > 0 ? [entry.name.slice(0, dot), entry.name.slice(dot)] : [entry.name, ""];
    let { name } = entry;
    for (let number = 2; taken.has(name.toLowerCase()); number++) name = `${stem} (${number})${suffix}`;
    taken.add(name.toLowerCase());
    return { ...entry, name };
  });
}

/** @param {ReadableStream<Uint8Array>} stream */
async function collect(stream) {
  const reader = stream.getReader();
  /** @type {BlobPart[]} */
  const chunks = [];
  let [crc, size] = [0xffffffff, 0];
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    for (const byte of value) crc = CRC_TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8);
    chunks.push(/** @type {Uint8Array<ArrayBuffer>} */ (value));
    size += value.length;
  }
  return { blob: new Blob(chunks), crc: (crc ^ 0xffffffff) >>> 0, size };
}

/** @typedef {{ name: Uint8Array, crc: number, size: number, position: number }} Head */

/** @param {Head} head */
function localHeader({ name, crc, size }) {
  return joined(fields([[4, 0x04034b50], [2, VERSION], [2, FLAGS], [2, 0], ...dateFields(),
    [4, crc], [4, size], [4, size], [2, name.length], [2, 0]]), name);
}

/** @param {Head} head */
function centralHeader({ name, crc, size, position }) {
  return joined(fields([[4, 0x02014b50], [2, VERSION], [2, VERSION], [2, FLAGS], [2, 0],
    ...dateFields(), [4, crc], [4, size], [4, size], [2, name.length], [2, 0], [2, 0], [2, 0],
    [2, 0], [4, 0], [4, position]]), name);
}

/** @returns {[number, number][]} time and date as MS-DOS had them */
function dateFields() {
  const now = new Date();
  const time = (now.getHours() << 11) | (now.getMinutes() << 5) | (now.getSeconds() >> 1);
  const date = ((now.getFullYear() - 1980) << 9) | ((now.getMonth() + 1) << 5) | now.getDate();
  return [[2, time], [2, date]];
}

/** @param {[number, number][]} values sizes in bytes (2 or 4), and little-endian values */
function fields(values) {
  const view = new DataView(new ArrayBuffer(values.reduce((sum, [size]) => sum + size, 0)));
  let at = 0;
  for (const [size, value] of values) {
    if (size === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += size;
  }
  return new Uint8Array(view.buffer);
}

/** @param {Uint8Array} a @param {Uint8Array} b */
function joined(a, b) {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
