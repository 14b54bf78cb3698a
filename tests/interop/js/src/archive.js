/** Archives as files: forms/bacalhau-job.md, "Archives". */
import { crc32, inflateRawSync } from "node:zlib";
import { concat, fromUtf8 } from "./bytes.js";

const BYTES_MAX = 67108864;
const ENTRIES_MAX = 65536;
const BLOCK = 512;

/** Why an archive cannot be said as files. */
class Unsayable extends Error {}
const unsayable = (reason) => {
  throw new Unsayable(reason);
};

/**
 * [{path: "a/b", bytes}], or null where not all of the section holds. `count` is
 * told what the archive counts with.
 */
export function filesOfArchive(bytes, count) {
  let size = Math.min(1032 * bytes.length, BYTES_MAX);
  try {
    const tar = gunzip(bytes);
    size = tar.length;
    return untar(tar);
  } catch (error) {
    if (error instanceof Unsayable) return null;
    throw error;
  } finally {
    count(size);
  }
}

function gunzip(bytes) {
  const out = [];
  let at = 0;
  let left = BYTES_MAX;
  do {
    at = afterHeader(bytes, at);
    const { data, used } = inflate(bytes.subarray(at), left);
    const end = at + used + 8;
    if (end > bytes.length) unsayable("gzip that ends too early");
    const trailer = Buffer.from(bytes.subarray(end - 8, end));
    if (trailer.readUInt32LE(0) !== crc32(data)) unsayable("a wrong checksum");
    if (trailer.readUInt32LE(4) !== data.length % 2 ** 32) unsayable("a wrong length");
    out.push(data);
    left -= data.length;
    at = end;
  } while (at < bytes.length);
  return concat(...out);
}

function inflate(bytes, most) {
  try {
    const options = { info: true, maxOutputLength: Math.max(most, 1) };
    const { buffer, engine } = inflateRawSync(bytes, options);
    if (buffer.length > most) unsayable("too large");
    return { data: buffer, used: engine.bytesWritten };
  } catch (error) {
    return unsayable(error.message);
  }
}

function afterHeader(bytes, start) {
  const [id1, id2, method, flags] = bytes.subarray(start, start + 4);
  if (id1 !== 0x1f || id2 !== 0x8b || method !== 8 || flags & 0xe0) {
    unsayable("no gzip");
  }
  let at = start + 10;
  if (flags & 4) at += 2 + (bytes[at] ?? 0) + 256 * (bytes[at + 1] ?? 0);
  for (const flag of [8, 16]) {
    if (!(flags & flag)) continue;
    const end = bytes.indexOf(0, at);
    if (end < 0) unsayable("gzip that ends too early");
    at = end + 1;
  }
  if (flags & 2) {
    const sum = crc32(bytes.subarray(start, at)) & 0xffff;
    if (((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8)) !== sum) {
      unsayable("a wrong header checksum");
    }
    at += 2;
  }
  return at;
}

function untar(bytes) {
  const files = new Map();
  const directories = new Set();
  let pending = [];
  let at = 0;
  for (let entries = 0; ; entries++) {
    const header = bytes.subarray(at, at + BLOCK);
    if (header.length < BLOCK) unsayable("no empty block at the end");
    if (header.every((byte) => byte === 0)) break;
    if (entries >= ENTRIES_MAX) unsayable("too many entries");
    const entry = readHeader(header);
    const isExtension = "xgL".includes(entry.type) && entry.type !== "\0";
    const set = Object.assign({}, ...pending);
    const size = isExtension ? entry.size : (set.size ?? entry.size);
    const start = at + BLOCK;
    at = start + Math.ceil(size / BLOCK) * BLOCK;
    if (at > bytes.length) unsayable("data that ends too early");
    const data = bytes.subarray(start, start + size);
    if (isExtension) {
      const extension = readExtension(entry.type, data);
      if (Object.keys(extension).length) pending.push(extension);
      if (pending.length > 1) unsayable("two extensions of one header");
      continue;
    }
    place({ ...entry, size, name: set.name ?? entry.name }, data, files, directories);
    pending = [];
  }
  if (pending.length) unsayable("an extension of nothing");
  if (bytes.subarray(at).some((byte) => byte !== 0))
    unsayable("something after the end");
  checkTree(files, directories);
  return [...files].map(([path, data]) => ({ path, bytes: data }));
}

function number(field) {
  const text = Buffer.from(field).toString("latin1");
  const match = /^ *([0-7]+)[ \0]*$/.exec(text);
  return match ? parseInt(match[1], 8) : unsayable("a number that is not octal");
}

const upToNul = (field) => {
  const end = field.indexOf(0);
  return end < 0 ? field : field.subarray(0, end);
};

function readHeader(header) {
  const sum = header.reduce(
    (total, byte, i) => total + (i >= 148 && i < 156 ? 0x20 : byte),
    0,
  );
  if (number(header.subarray(148, 156)) !== sum) unsayable("a wrong checksum");
  const ascii = (from, to) => Buffer.from(header.subarray(from, to)).toString("latin1");
  if (ascii(508, 512) === "tar\0") unsayable("a tar of its own kind");
  let name = upToNul(header.subarray(0, 100));
  const prefix = upToNul(header.subarray(345, 500));
  if (ascii(257, 263) === "ustar\0" && prefix.length) {
    name = concat(prefix, Uint8Array.of(0x2f), name);
  }
  return { name, size: number(header.subarray(124, 136)), type: ascii(156, 157) };
}

/** {name?, size?}: what it sets. */
function readExtension(type, data) {
  if (type === "L") {
    const name = upToNul(data);
    return name.length ? { name } : {};
  }
  const records = paxRecords(data);
  const path = records.get("path") ?? new Uint8Array();
  const digits = Buffer.from(records.get("size") ?? []).toString("latin1");
  if (!/^[0-9]{0,10}$/.test(digits)) unsayable("a size that is no number");
  const set = {};
  if (path.length) set.name = path;
  if (Number(digits)) set.size = Number(digits);
  if (type === "g" && (records.has("path") || records.has("size"))) {
    unsayable("a path or a size for all that follow");
  }
  return set;
}

function paxRecords(data) {
  const records = new Map();
  let at = 0;
  while (at < data.length) {
    const space = data.indexOf(0x20, at);
    const length = Buffer.from(data.subarray(at, space)).toString("latin1");
    if (space < 0 || !/^[0-9]{1,10}$/.test(length)) unsayable("no pax record");
    const end = at + Number(length);
    const equals = data.indexOf(0x3d, space);
    const holds = equals > space && end <= data.length && equals < end;
    if (!holds || data[end - 1] !== 0x0a) unsayable("no pax record");
    const key = fromUtf8(data.subarray(space + 1, equals)) ?? unsayable("no UTF-8");
    if (records.has(key) || key === "hdrcharset" || key.startsWith("GNU.sparse")) {
      unsayable("a pax record of no use");
    }
    records.set(key, data.subarray(equals + 1, end - 1));
    at = end;
  }
  return records;
}

function place({ name, type, size }, data, files, directories) {
  const text = fromUtf8(name) ?? unsayable("a name that is not UTF-8");
  const isDirectory = type === "5" || (type === "\0" && text.endsWith("/"));
  if (!"05\0".includes(type)) unsayable("neither a file nor a directory");
  if (isDirectory && size !== 0) unsayable("a directory with data");
  const parts = text.split("/");
  if (text === "" || text.startsWith("/") || parts.includes("..")) {
    unsayable("a name of no use");
  }
  if (text.includes("\0")) unsayable("U+0000 in a name");
  const path = parts.filter((part) => part !== "" && part !== ".").join("/");
  if (isDirectory) {
    directories.add(path);
    return;
  }
  if (path === "") unsayable("a file without a name");
  if (files.has(path)) unsayable("a file twice");
  files.set(path, data);
}

function checkTree(files, directories) {
  if (files.size === 0) unsayable("no file");
  const above = new Set([""]);
  for (const path of files.keys()) {
    const parts = path.split("/");
    for (let i = 1; i < parts.length; i++) above.add(parts.slice(0, i).join("/"));
  }
  for (const path of files.keys()) {
    if (above.has(path) || directories.has(path)) unsayable("a file and a directory");
  }
  for (const path of directories) {
    if (!above.has(path)) unsayable("an empty directory");
  }
}
