/** The blocks: invocation.md, "Model", and schemas/invocation.ipldsch. */
import { compare, utf8Length } from "./bytes.js";
import { Cid, cborOf, isOfNoBytes } from "./cid.js";
import { depth, DEPTH_MAX, encode } from "./dagcbor.js";
import { refuse } from "./errors.js";
import { checkPath } from "./paths.js";
import { below } from "./tree.js";

const TEXT_BYTES_MAX = 262144;
const NONCE_BYTES_MAX = 256;
const ITEMS_MAX = 65536;
const BLOCK_BYTES_MAX = 1048576;

const INPUT_FIELDS = {
  wasi: ["args", "env", "files", "stdin", "steps", "nonce"],
  "wasm-function": ["args", "awaits", "nonce"],
  oci: ["argv", "args", "env", "cwd", "files", "stdin", "steps", "nonce"],
  gvmi: ["argv", "env", "cwd", "files", "stdin", "steps", "nonce"],
  nix: ["files", "nonce"],
};

export function checkText(value, at) {
  if (typeof value !== "string") refuse(at, "no text");
  if (value.includes("\0")) refuse(at, "U+0000");
  if (utf8Length(value) > TEXT_BYTES_MAX) refuse(at, "a text too long");
  return value;
}

export function checkNonce(bytes, at) {
  if (!(bytes instanceof Uint8Array)) refuse(at, "no bytes");
  if (bytes.length > NONCE_BYTES_MAX) refuse(at, "a nonce too long");
  return bytes;
}

export function checkEnvName(name, at) {
  checkText(name, at);
  if (name === "" || name.includes("=")) refuse(at, "no name of a variable");
  return name;
}

function checkCount(items, at) {
  const count = items.length ?? items.size;
  if (count > ITEMS_MAX) refuse(at, "too many entries");
}

function block(value, at) {
  if (depth(value) > DEPTH_MAX) refuse(at, "a block too deep");
  const bytes = encode(value);
  if (bytes.length > BLOCK_BYTES_MAX) refuse(at, "a block too large");
  return { cid: cborOf(bytes), bytes };
}

/** {kind, code, entry?, imports?: [{code, name}], function?} */
export function programBlock(program, at = "") {
  const out = new Map([
    ["kind", program.kind],
    ["code", program.code],
  ]);
  if (program.kind === "wasi") {
    const entry = checkText(program.entry, below(at, "entry"));
    if (entry === "") refuse(below(at, "entry"), "an empty entry");
    if (entry !== "_start") out.set("entry", entry);
    const imports = program.imports ?? [];
    checkCount(imports, below(at, "imports"));
    if (imports.length) out.set("imports", imports.map(importMap));
  }
  if (program.kind === "wasm-function") {
    const name = checkText(program.function, below(at, "function"));
    if (name === "") refuse(below(at, "function"), "an empty function");
    out.set("function", name);
  }
  return block(out, at);
}

function importMap({ code, name }) {
  const out = new Map([["code", code]]);
  if (name) out.set("name", name);
  return out;
}

/**
 * {argv?, args?, env?: Map, cwd?, files?: Map, stdin?, nonce?, awaits?, steps?};
 * what is empty is its default and is not written.
 */
export function inputBlock(kind, input, at = "") {
  const out = new Map();
  const names = [
    "argv",
    "args",
    "env",
    "cwd",
    "files",
    "stdin",
    "nonce",
    "awaits",
    "steps",
  ];
  for (const name of names) {
    const value = input[name];
    if (isDefault(name, value)) continue;
    const place = below(at, name);
    if (!INPUT_FIELDS[kind].includes(name)) refuse(place, `${kind} has no ${name}`);
    CHECKS[name](value, place, kind);
    out.set(name, name === "awaits" ? value.map(awaitMap) : value);
  }
  if (out.has("argv") && out.has("args")) refuse(below(at, "argv"), "argv and args");
  if (out.has("steps")) {
    const beside = ["argv", "args", "files"].find((name) => out.has(name));
    if (beside) refuse(below(at, beside), "beside steps");
  }
  if (out.has("awaits")) checkAwaits(out.get("awaits"), out.get("args"), at);
  return block(out, at);
}

function isDefault(name, value) {
  if (value === undefined || value === null) return true;
  if (name === "stdin") return isOfNoBytes(value);
  return value.length === 0 || value.size === 0;
}

const texts = (list, at) => {
  checkCount(list, at);
  list.forEach((text, i) => checkText(text, below(at, i)));
};

const files = (map, at) => {
  checkCount(map, at);
  for (const path of map.keys()) {
    checkPath(path, below(at, path));
    if (path === "/") refuse(below(at, path), "a file at the root");
  }
};

const CHECKS = {
  argv: texts,
  args: (list, at, kind) => {
    if (kind !== "wasm-function") texts(list, at);
    else checkCount(list, at);
  },
  env: (map, at) => {
    checkCount(map, at);
    for (const [name, value] of map) {
      checkEnvName(name, below(at, name));
      checkText(value, below(at, name));
    }
  },
  cwd: checkPath,
  files,
  stdin: () => {},
  nonce: checkNonce,
  awaits: checkCount,
  steps: checkSteps,
};

function checkSteps(steps, at, kind) {
  checkCount(steps, at);
  const isRun = (step) => step.has("run");
  steps.forEach((step, i) => {
    const place = below(at, i);
    if (isRun(step)) {
      texts(step.get("run"), below(place, "run"));
      if (kind !== "wasi" && step.get("run").length === 0) {
        refuse(below(place, "run"), "a run of nothing");
      }
      return;
    }
    if (step.get("put").size === 0) refuse(below(place, "put"), "an empty put");
    files(step.get("put"), below(place, "put"));
    if (i > 0 && !isRun(steps[i - 1])) refuse(place, "two puts side by side");
  });
  const runs = steps.filter(isRun).length;
  if (runs === 0) refuse(at, "no run");
  if (runs === 1 && isRun(steps.at(-1))) refuse(at, "one run at the end alone");
}

const awaitMap = ({ at, when, invocation }) =>
  new Map([
    ["at", at],
    ["when", when],
    ["invocation", invocation],
  ]);

export const sortAwaits = (awaits) =>
  awaits.toSorted((a, b) => compare(encode(a.at), encode(b.at)));

/** The place exists and holds null; ascending, no two equal. */
function checkAwaits(awaits, args, at) {
  awaits.forEach((one, i) => {
    const place = below(at, "awaits", i);
    const path = one.get("at");
    if (typeof path[0] !== "bigint") refuse(below(place, "at"), "no position");
    const found = path.reduce(step, args);
    if (found !== null) refuse(below(place, "at"), "no null there");
    if (i > 0 && compare(encode(awaits[i - 1].get("at")), encode(path)) >= 0) {
      refuse(place, "out of order");
    }
  });
}

function step(value, key) {
  if (Array.isArray(value) && typeof key === "bigint") return value[Number(key)];
  if (value instanceof Map && typeof key === "string") return value.get(key);
  return undefined;
}

export function invocationBlock(program, input) {
  return block(
    new Map([
      ["program", program],
      ["input", input],
    ]),
    "",
  );
}

export const isLink = (value) => value instanceof Cid;
