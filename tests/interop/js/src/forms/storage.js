/** What a job of Bacalhau brings in: forms/bacalhau-job.md, "Storage". */
import { fromBase64, lower, trim, trimUnicode } from "../bytes.js";
import { rawOf, rawOfDigest } from "../cid.js";
import { ofDownload, ofReference, ofUrl } from "../contents.js";
import { filesOfArchive } from "../archive.js";
import { placed, refuse } from "../errors.js";
import { clean, join } from "../paths.js";
import { bareCid, dataUrl, ipfsReference, isHttp, s3Reference } from "../references.js";
import { holdsTemplate, isText } from "../tree.js";

const ARCHIVES_BYTES_MAX = 268435456;
const ARCHIVE = "data:application/gzip";

export function text(field) {
  if (field.empty) return "";
  if (!isText(field.value)) refuse(field.at, "no text");
  return field.value;
}

export function due(field) {
  if (field.empty) refuse(field.at, "it must not be empty");
  return text(field);
}

/** Null where it is a template: impure, and judged no further. */
export function literal(task, value, at) {
  if (!isText(value)) refuse(at, "no text");
  if (value.includes("\0")) refuse(at, "U+0000");
  if (holdsTemplate(value)) {
    task.impure("template", at);
    return null;
  }
  return value;
}

/**
 * A source: {type, typeAt, target, params, s3, checksum, task, landing}.
 *
 * `target` is a field, or null where a module is due. `landing` says where
 * downloads go: "below", "target" or "told". Gives {files: [{path, cid}]}, or
 * {files: null} while the place is not known; of a module {cid}.
 */
export function readSource(task, source) {
  const read = TYPES[lower(trim(source.type))];
  if (!read) refuse(source.typeAt, "no storage of this type");
  const isModule = source.target === null;
  let target = null;
  if (!isModule) {
    const path = literal(task, due(source.target), source.target.at);
    if (path !== null) target = clean(path, source.target.at);
  }
  const found = read({ ...source, task, isModule });
  if (isModule) return { cid: found?.cid ?? null };
  if (!found || target === null || found.name === null) return { files: null };
  const at = source.target.at;
  const land = (name) => (name ? clean(join(target, name), at) : target);
  if (found.entries) {
    const files = found.entries.map(({ path, cid }) => ({ path: land(path), cid }));
    return { files, at };
  }
  return { files: [{ path: land(found.name), cid: found.cid }], at };
}

const TYPES = {
  ipfs,
  filecoin: ipfs,
  filecoinunsealed: ipfs,
  estuary: ipfs,
  inline,
  urldownload,
  s3,
  localdirectory,
  local: localdirectory,
  repoclone,
  repoclonelfs: repoclone,
};

export const PARAMETERS = {
  ipfs: ["CID"],
  filecoin: ["CID"],
  filecoinunsealed: ["CID"],
  estuary: ["CID"],
  inline: ["URL"],
  urldownload: ["URL"],
  localdirectory: ["SourcePath", "ReadWrite"],
  local: ["SourcePath", "ReadWrite"],
  repoclone: ["Repo"],
  repoclonelfs: ["Repo"],
};

function ipfs({ task, params }) {
  const field = params.get("CID");
  const value = literal(task, due(field), field.at);
  if (value === null) return { name: "", cid: null };
  const found = placed(field.at, () => ipfsReference(value) ?? bareCid(value));
  if (found) return { name: "", cid: ofReference(task, found, field.at) };
  return { name: "", cid: ofUrl(task, value, field.at) };
}

function inline({ task, params, isModule }) {
  const field = params.get("URL");
  const value = literal(task, due(field), field.at);
  if (value === null) return isModule ? { cid: null } : null;
  const { written, bytes, cid } = placed(field.at, () => dataUrl(value));
  if (written !== "application/gzip") return { name: "", cid };
  const files = filesOfArchive(bytes, (size) => {
    task.unpacked = (task.unpacked ?? 0) + size;
  });
  if (task.unpacked > ARCHIVES_BYTES_MAX) refuse(field.at, "too much in archives");
  const isOneFile = files?.length === 1 && !files[0].path.includes("/");
  if (!files || (isModule && !isOneFile)) {
    task.unresolved("archive", field.at, ARCHIVE);
    task.warn("archive", field.at);
    return null;
  }
  if (isModule) return { cid: rawOf(files[0].bytes) };
  return {
    entries: files.map((file) => ({ path: file.path, cid: rawOf(file.bytes) })),
  };
}

function urldownload({ task, params, isModule, landing }) {
  const field = params.get("URL");
  const value = literal(task, due(field), field.at);
  if (value === null) return null;
  if (!isHttp(value)) refuse(field.at, "neither http nor https");
  const { cid, url, given, name } = ofDownload(task, value, field.at);
  if (isModule) return { cid };
  const lands = { below: given ?? name, target: "", told: given ?? null }[landing];
  if (cid && lands === null) task.unresolved("url-name", field.at, url);
  return { cid, name: lands };
}

function s3({ task, s3: params, checksum, isModule }) {
  const bucket = params.get("Bucket");
  const key = params.get("Key");
  due(bucket);
  const parts = [bucket, key, params.get("Endpoint"), params.get("VersionID")].map(
    (field) => literal(task, text(field), field.at),
  );
  const sum = text(params.get(checksum));
  const partition = params.get("Partition");
  const filter = params.get("Filter");
  params.drop("Region");
  const digest = sum && !sum.includes("-") ? fromBase64(sum) : undefined;
  if (digest === null || (digest && digest.length !== 32)) {
    refuse(params.get(checksum).at, "no checksum of 32 bytes");
  }
  if (parts.includes(null)) return null;
  const [name, path, endpoint, version] = parts;
  const reference = placed(key.at, () =>
    s3Reference({ bucket: name, key: path, endpoint, version }),
  );
  const base = path.split("/").at(-1);
  if (!partition.empty) return unsaid(task, "s3-partition", key.at, reference);
  const several = !filter.empty || path.includes("*") || trimUnicode(path) !== path;
  if (several || ["", ".", ".."].includes(base)) {
    return unsaid(task, "s3-prefix", key.at, reference);
  }
  if (digest) return { name: base, cid: rawOfDigest(digest) };
  const meaning = task.resolutions.get(reference);
  if (!meaning) task.unresolved("s3", key.at, reference);
  return { name: meaning?.name ?? base, cid: meaning?.cid ?? null, isModule };
}

function unsaid(task, kind, at, reference) {
  task.unresolved(kind, at, reference);
  return null;
}

function localdirectory({ task, typeAt, params }) {
  params.drop("SourcePath", "ReadWrite");
  task.impure("host-directory", typeAt);
  return { name: "", cid: null };
}

function repoclone({ task, params }) {
  const field = params.get("Repo");
  task.unresolved("repository", field.at, due(field));
  return { name: "", cid: null };
}
