/** The own form: forms/own.md. */
import { equal, toHex } from "../bytes.js";
import { Cid, cborOf, cidFromBytes, readVarint } from "../cid.js";
import { decode, encode } from "../dagcbor.js";
import { fromDagJson } from "../dagjson.js";
import { Refused, fault, placed, refuse } from "../errors.js";
import { inputBlock, invocationBlock, isLink, programBlock } from "../model.js";
import { Task } from "../task.js";
import { below, isMap, isText } from "../tree.js";
import { Fields } from "./fields.js";

const LENGTH_BYTES_MAX = 4;
const WHENS = ["ok", "error", "any"];

export const network = "octostore";

export function marks({ syntax, tree }) {
  if (syntax === "car") return true;
  return isMap(tree) && tree.has("program") && tree.has("input");
}

export function read({ syntax, tree, bytes }, resolutions) {
  const task = new Task(network, resolutions());
  const isCar = syntax === "car";
  if (!isCar && syntax !== "json") refuse("", "neither JSON nor a CAR");
  task.form = `own form, ${isCar ? "CAR" : "DAG-JSON"}`;
  const values = isCar ? placed("", () => ofCar(bytes)) : ofJson(tree);
  task.program = programOf(values.program, "/program");
  task.kind = task.program.kind;
  task.input = inputOf(values.input, "/input");
  const program = programBlock(task.program, "/program");
  const input = inputBlock(task.kind, task.input, "/input");
  // What was read is what the encoder writes: no default, no other order.
  if (!equal(program.bytes, encode(values.program)))
    refuse("/program", "another block");
  if (!equal(input.bytes, encode(values.input))) refuse("/input", "another block");
  if (task.kind === "oci") task.warn("digest-may-be-an-index", "/program/code");
  return [task];
}

function ofJson(tree) {
  const fields = new Fields(tree, "", { folds: false });
  const values = {};
  for (const name of ["program", "input"]) {
    const { value, at } = fields.get(name);
    refuseRespelled(value, at);
    values[name] = fromDagJson(value, at);
  }
  fields.refuseOthers();
  return values;
}

/** Links are written in lower-case base32. */
function refuseRespelled(value, at) {
  if (Array.isArray(value)) {
    value.forEach((item, i) => refuseRespelled(item, below(at, i)));
  }
  if (!isMap(value)) return;
  const link = value.get("/");
  if (value.size === 1 && isText(link)) {
    const cid = fromDagJson(value, at);
    if (cid.text !== link) refuse(at, "a link in another spelling");
    return;
  }
  for (const [key, item] of value) refuseRespelled(item, below(at, key));
}

function ofCar(bytes) {
  let at = 0;
  const section = () => {
    const [length, start] = readVarint(bytes, at);
    if (start - at > LENGTH_BYTES_MAX) fault("a length of more than 4 bytes");
    at = start + Number(length);
    if (at > bytes.length) fault("a CAR that ends too early");
    return bytes.subarray(start, at);
  };
  const header = decode(section());
  const blocks = [section(), section(), section()].map(blockOf);
  if (at !== bytes.length) fault("bytes after the last block");
  const [invocation, program, input] = [blocks[0], blocks[2], blocks[1]];
  const root = new Map([
    ["roots", [invocation.cid]],
    ["version", 1n],
  ]);
  if (!equal(encode(header), encode(root))) fault("another header");
  const whole = invocationBlock(program.cid, input.cid);
  if (!equal(whole.bytes, invocation.block)) fault("another invocation");
  return {
    program: placed("/program", () => decode(program.block)),
    input: placed("/input", () => decode(input.block, { floats: true })),
  };
}

/** A CID of 36 bytes and the block that it names. */
function blockOf(section) {
  const prefix = toHex(section.subarray(0, 4));
  if (prefix !== "01711220" || section.length < 36) fault("no block of ours");
  const cid = cidFromBytes(section.subarray(0, 36));
  const block = section.subarray(36);
  if (cborOf(block).text !== cid.text) fault("a block of another CID");
  return { cid, block };
}

const closed = (map, at) => new Fields(map, at, { folds: false });

function link({ value, at }) {
  if (!isLink(value)) refuse(at, "no link");
  if (value.isName) refuse(at, "a name, no content");
  return value;
}

function programOf(value, at) {
  const fields = closed(value, at);
  const kind = fields.get("kind");
  if (!["wasi", "wasm-function", "oci", "gvmi", "nix"].includes(kind.value)) {
    refuse(kind.at, "no kind of program");
  }
  const program = { kind: kind.value, code: link(fields.get("code")) };
  if (program.kind === "wasi") {
    program.entry = explicit(fields.get("entry"), "_start") ?? "_start";
    const imports = list(fields.get("imports")) ?? [];
    program.imports = imports.map(importOf);
  }
  if (program.kind === "wasm-function") program.function = fields.get("function").value;
  fields.refuseOthers();
  return program;
}

function explicit({ value, at }, fallback) {
  if (value === null || value === fallback) refuse(at, "an explicit default");
  return value;
}

function list({ value, at }) {
  if (value === undefined) return undefined;
  if (!Array.isArray(value) || !value.length)
    refuse(at, "no list with something in it");
  return value.map((item, i) => ({ value: item, at: below(at, i) }));
}

function map({ value, at }) {
  if (value === undefined) return undefined;
  if (!isMap(value) || !value.size) refuse(at, "no map with something in it");
  return value;
}

function importOf({ value, at }) {
  const fields = closed(value, at);
  const code = link(fields.get("code"));
  const name = explicit(fields.get("name"), "") ?? "";
  if (!isText(name)) refuse(below(at, "name"), "no text");
  fields.refuseOthers();
  return { code, name };
}

const valuesOf = (items) => items?.map(({ value }) => value);

function inputOf(value, at) {
  const fields = closed(value, at);
  const input = {};
  for (const name of ["argv", "args"]) input[name] = valuesOf(list(fields.get(name)));
  input.args?.forEach((one, i) => refuseNames(one, below(at, "args", i)));
  input.env = map(fields.get("env"));
  input.cwd = optional(fields.get("cwd"), isText);
  input.files = links(map(fields.get("files")), below(at, "files"));
  const stdin = fields.get("stdin");
  input.stdin = stdin.value === undefined ? undefined : link(stdin);
  input.nonce = optional(fields.get("nonce"), (one) => one instanceof Uint8Array);
  input.awaits = list(fields.get("awaits"))?.map(awaitOf);
  input.steps = list(fields.get("steps"))?.map(stepOf);
  fields.refuseOthers();
  return input;
}

function optional({ value, at }, isOf) {
  if (value !== undefined && !isOf(value)) refuse(at, "a value of another type");
  return value;
}

function links(files, at) {
  for (const [path, cid] of files ?? []) link({ value: cid, at: below(at, path) });
  return files;
}

/** A libp2p-key CID is no content, wherever it stands. */
function refuseNames(value, at) {
  if (value instanceof Cid && value.isName) refuse(at, "a name, no content");
  const inner = Array.isArray(value) ? value.entries() : isMap(value) ? value : [];
  for (const [key, item] of inner) refuseNames(item, below(at, key));
}

function awaitOf({ value, at }) {
  const fields = closed(value, at);
  const position = fields.get("at");
  const isStep = (step) => (typeof step === "bigint" && step >= 0n) || isText(step);
  if (!Array.isArray(position.value) || !position.value.every(isStep)) {
    refuse(position.at, "no position");
  }
  const when = fields.get("when");
  if (!WHENS.includes(when.value)) refuse(when.at, "neither ok nor error nor any");
  const field = fields.get("invocation");
  const invocation = link(field);
  if (toHex(invocation.bytes.subarray(0, 4)) !== "01711220") {
    refuse(field.at, "no invocation");
  }
  fields.refuseOthers();
  return { at: position.value, when: when.value, invocation };
}

function stepOf({ value, at }) {
  if (!isMap(value) || value.size !== 1) refuse(at, "no step");
  const [[name, body]] = value;
  const place = below(at, name);
  if (name === "run" && Array.isArray(body)) return value;
  if (name !== "put" || !isMap(body)) refuse(place, "neither put nor run");
  links(body, place);
  return value;
}

/** The value of a block of a program, if it is the one encoding of it. */
export function programFromBlock(bytes) {
  const program = programOf(decode(bytes), "");
  if (!equal(programBlock(program).bytes, bytes)) refuse("", "another block");
  return program;
}

/** The same of an input; without a kind, of any kind that could be given it. */
export function inputFromBlock(bytes, kind = null) {
  const input = inputOf(decode(bytes, { floats: true }), "");
  const kinds = kind === null ? ["oci", "gvmi", "wasi", "wasm-function"] : [kind];
  const fits = kinds.some((one) => {
    try {
      return equal(inputBlock(one, input).bytes, bytes);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return false;
    }
  });
  if (!fits) refuse("", "an input that its program cannot be given");
  return input;
}
