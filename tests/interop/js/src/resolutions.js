/** What mutable references meant: invocation.md, "Resolutions". */
import { compareText, fromUtf8, percentDecode } from "./bytes.js";
import { cidFromText } from "./cid.js";
import { fault, placed, refuse } from "./errors.js";
import { NotJson, parseJson } from "./json.js";
import { isName, isStorePath } from "./nix-store.js";
import * as references from "./references.js";
import { below, isEmpty, isMap, isText } from "./tree.js";

const RESOLUTIONS_MAX = 100000;

export class Resolutions {
  #byReference;

  constructor(byReference = new Map()) {
    this.#byReference = byReference;
  }

  static parse(text) {
    let tree;
    try {
      tree = parseJson(text);
    } catch (error) {
      if (!(error instanceof NotJson)) throw error;
      refuse("", "resolutions that are no JSON");
    }
    if (!isMap(tree)) refuse("", "resolutions that are no map");
    if (tree.size > RESOLUTIONS_MAX) refuse("", "too many resolutions");
    const byReference = new Map();
    for (const [key, value] of tree) {
      const at = below("", key);
      const { reference, meaning } = placed(at, () => read(key, value, at));
      if (byReference.has(reference)) refuse(at, "two keys that become one");
      byReference.set(reference, { key, value, meaning });
    }
    return new Resolutions(byReference);
  }

  /** For those of one task: says which it used, and which replaced content. */
  reader() {
    return new Reader(this.#byReference);
  }

  without(gone) {
    const kept = [...this.#byReference].filter(([reference]) => !gone.has(reference));
    return new Resolutions(new Map(kept));
  }

  get references() {
    return [...this.#byReference.keys()];
  }
}

class Reader {
  #byReference;
  used = new Map();
  replacing = new Set();

  constructor(byReference) {
    this.#byReference = byReference;
  }

  get(reference) {
    const entry = this.#byReference.get(reference);
    if (!entry) return null;
    this.used.set(reference, entry);
    return entry.meaning;
  }

  replaces(reference) {
    this.replacing.add(reference);
  }

  /** A CID as the document wrote it, or what stands for it (re-keying). */
  rekey(cid) {
    const reference = `ipfs:${cid}`;
    const meaning = this.get(reference);
    if (!meaning) return cid;
    if (meaning.cid.text !== cid.text) this.replaces(reference);
    return meaning.cid;
  }

  get without() {
    return [...this.replacing].sort(compareText);
  }
}

const KINDS = [
  ["oci:", oci],
  ["s3://", s3],
  ["ipfs:", ipfs],
  ["ipns:", ipfs],
  ["golem:", golem],
  ["gftp:", gftp],
  ["nix:/nix/store/", nix],
];

function read(key, value, at) {
  const kind = KINDS.find(([prefix]) => key.startsWith(prefix));
  if (kind) return kind[1](key, value, at);
  if (!key.includes("://")) fault("a key of no kind");
  const reference = references.normalUrl(key);
  // "A URL whose normal spelling begins with one of these prefixes MUST be refused."
  if (KINDS.some(([prefix]) => reference.startsWith(prefix))) {
    fault("another spelling of a key of another kind");
  }
  return { reference, meaning: file(value, at) };
}

function oci(key, value, at) {
  const { reference } = references.image(key.slice(4));
  if (isText(value)) return { reference, meaning: { cid: digest(value) } };
  const names = ["digest", "entrypoint", "cmd", "workdir", "platform"];
  const fields = closed(value, names, at);
  const meaning = {
    cid: placed(below(at, "digest"), () => digest(fields.get("digest"))),
  };
  for (const name of ["entrypoint", "cmd"]) {
    if (!fields.has(name)) continue;
    const list = fields.get(name);
    if (!Array.isArray(list) || !list.every(isText)) {
      refuse(below(at, name), "no list of text");
    }
    meaning[name] = list;
  }
  for (const name of ["workdir", "platform"]) {
    if (!fields.has(name)) continue;
    const text = fields.get(name);
    if (!isText(text) || text === "") refuse(below(at, name), "no text");
    meaning[name] = text;
  }
  return { reference, meaning };
}

const S3_KEY =
  /^s3:\/\/([^/?]+)\/([^?]+)(?:\?endpoint=([^&?]+))?(?:[?&]versionId=([^&?]+))?$/;

function s3(key, value, at) {
  const match = S3_KEY.exec(key);
  if (!match) fault("no s3 reference");
  const text = (part) => {
    const bytes = percentDecode(part, () => fault("a % that is no escape"));
    return fromUtf8(bytes) ?? fault("bytes that are not UTF-8");
  };
  const spaced = (part) => part && text(part.replaceAll("+", " "));
  const [, bucket, name, endpoint, version] = match;
  const reference = references.s3Reference({
    bucket: text(bucket),
    key: text(name),
    endpoint: spaced(endpoint),
    version: spaced(version),
  });
  return { reference, meaning: file(value, at) };
}

function ipfs(key, value) {
  references.limited(key);
  const scheme = key.slice(0, 4);
  const { reference } = references.fromPrefixed(scheme, key.slice(5));
  return { reference, meaning: { cid: cid(value) } };
}

const GOLEM_DIGITS = { 224: 56, 256: 64, 384: 96, 512: 128 };

function golem(key, value, at) {
  const match = /^golem:sha3-(224|256|384|512):([0-9a-f]+)$/.exec(key);
  if (!match || match[2].length !== GOLEM_DIGITS[match[1]]) fault("no golem package");
  if (!isMap(value)) fault("no map");
  return { reference: key, meaning: golemMeaning(value, at) };
}

function golemMeaning(value, at) {
  const inside = (name, read) => placed(below(at, name), () => read(value.get(name)));
  if (value.get("kind") === "oci") {
    closed(value, ["kind", "digest"], at);
    return { kind: "oci", cid: inside("digest", digest) };
  }
  if (value.get("kind") !== "wasi") refuse(below(at, "kind"), "a kind of no use");
  closed(value, ["kind", "code", "entries"], at);
  if (value.has("code") === value.has("entries")) fault("code, or entries");
  if (value.has("code")) return { kind: "wasi", code: inside("code", cid) };
  const entries = value.get("entries");
  const place = below(at, "entries");
  if (!isMap(entries) || isEmpty(entries)) refuse(place, "no entries");
  const codes = [...entries].map(([id, code]) => [
    id,
    placed(below(place, id), () => cid(code)),
  ]);
  return { kind: "wasi", entries: new Map(codes) };
}

function gftp(key, value) {
  references.limited(key);
  return { reference: key, meaning: { cid: cid(value) } };
}

function nix(key, value, at) {
  references.limited(key);
  const [, path, output] = /^nix:([^^]*)(?:\^(.*))?$/s.exec(key) ?? fault("no store path");
  if (!isStorePath(path)) fault("no store path");
  if (output !== undefined) {
    if (!path.endsWith(".drv") || !isName(output)) fault("no output of a derivation");
    if (!isText(value) || !isStorePath(value)) fault("no store path");
    return { reference: key, meaning: { path: value } };
  }
  const fields = closed(value, ["nar", "references"], at);
  const nar = placed(below(at, "nar"), () => digest(fields.get("nar")));
  const names = fields.get("references");
  if (!Array.isArray(names) || !names.every((one) => isText(one) && isStorePath(one))) {
    refuse(below(at, "references"), "no list of store paths");
  }
  return { reference: key, meaning: { nar, references: names } };
}

function file(value, at) {
  if (isText(value)) return { cid: cid(value) };
  const fields = closed(value, ["cid", "name"], at);
  const meaning = { cid: placed(below(at, "cid"), () => cid(fields.get("cid"))) };
  if (fields.has("name")) {
    const name = fields.get("name");
    if (!isText(name) || /[/\0]/.test(name) || name === "." || name === "..") {
      refuse(below(at, "name"), "no name of a file");
    }
    meaning.name = name;
  }
  return meaning;
}

function closed(value, names, at) {
  if (!isMap(value)) fault("no map");
  for (const key of value.keys()) {
    if (!names.includes(key)) refuse(below(at, key), "a field that it does not have");
  }
  return value;
}

function cid(value) {
  if (!isText(value)) fault("no CID");
  const found = cidFromText(value);
  if (found.isName) fault("a name, no content");
  return found;
}

function digest(value) {
  if (!isText(value) || !references.isDigest(value)) fault("no digest");
  return references.digestCid(value);
}
