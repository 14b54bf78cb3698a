/** UCAN batch, December 2022: forms/ucan-batch.md. */
import { toUtf8 } from "../bytes.js";
import { Cid } from "../cid.js";
import { fromDagJson } from "../dagjson.js";
import { refuse } from "../errors.js";
import { checkNonce } from "../model.js";
import { Task } from "../task.js";
import { below, isMap, isText, isTree } from "../tree.js";
import { Call, promiseOfLink, settleAwaits } from "./calls.js";
import { Fields } from "./fields.js";
import { isCommand, isTask, readCommand } from "./ucan-task.js";

const TASKS_MAX = 10000;
const VERSION = "0.1.0";

export const network = "ipvm";

export function marks({ syntax, tree }) {
  if (!isTree({ syntax })) return false;
  if (isMap(tree) && (tree.has("uiv") || tree.has("ucan/invoke"))) return true;
  return isBatch(tree) && !isTask(tree);
}

/** A map or list of which all values are maps, at least one a task. */
export function isBatch(value) {
  if (!isMap(value) && !Array.isArray(value)) return false;
  const all = [...value.values()];
  return all.every(isMap) && all.some(isTask);
}

const closed = (map, at) => new Fields(map, at, { folds: false });

export function read({ syntax, tree }, resolutions) {
  const options = { isCbor: syntax === "cbor", resolutions, network };
  const isInvocation = isMap(tree) && (tree.has("uiv") || tree.has("ucan/invoke"));
  if (!isInvocation) {
    return readBatch({ value: tree, at: "" }, { ...options, form: "UCAN batch" });
  }
  return readInvocation(
    { value: tree, at: "" },
    { ...options, form: "UCAN invocation 0.1" },
  );
}

/** An invocation of version 0.1, wrapped or not. */
export function readInvocation({ value, at }, options) {
  let fields = closed(value, at);
  if (fields.has("ucan/invoke")) {
    const inner = fields.get("ucan/invoke");
    fields.drop("sig");
    fields.refuseOthers();
    fields = closed(inner.value, inner.at);
  }
  for (const name of ["uiv", "v"]) {
    const version = fields.get(name);
    if (version.value !== undefined && version.value !== VERSION) {
      refuse(version.at, "another version");
    }
  }
  const run = fields.get("run");
  const nnc = fields.get("nnc");
  fields.drop("prf", "meta", "ext", "sig");
  fields.refuseOthers();
  if (nnc.value !== undefined && !isText(nnc.value)) refuse(nnc.at, "no text");
  const nonce = checkNonce(toUtf8(nnc.value ?? ""), nnc.at);
  return readBatch(run, { ...options, nonce });
}

export function readBatch({ value, at }, { form, nonce, ...options }) {
  if (!isBatch(value)) refuse(at, "no batch");
  if ((value.size ?? value.length) > TASKS_MAX) refuse(at, "too many tasks");
  const byLabel = new Map();
  for (const [label, entry] of value.entries()) {
    const task = new Task(network, options.resolutions());
    task.form = form;
    readTask(task, entry, below(at, label), { nonce, isCbor: options.isCbor });
    byLabel.set(String(label), task);
  }
  const tasks = [...byLabel.values()];
  settleAwaits(tasks, byLabel);
  return tasks;
}

function readTask(task, value, at, { nonce, isCbor }) {
  const unread = closed(value, at);
  const read = new Map();
  for (const name of ["with", "do", "inputs"]) {
    const field = unread.get(name);
    if (field.value === undefined) continue;
    read.set(name, isCbor ? field.value : fromDagJson(field.value, field.at));
  }
  unread.drop("meta", "ipvm/config");
  unread.refuseOthers();
  const fields = closed(read, at);
  const call = new Call(task, { promiseOf });
  const ability = fields.get("do");
  if (call.isAwaited(ability.value, ability.at)) return;
  if (!isText(ability.value)) refuse(ability.at, "no text");
  const isCall = ability.value === "wasm/run";
  if (!isCall && !isCommand(ability.value)) {
    task.impure("effect", ability.at);
    return;
  }
  const inputs = fields.get("inputs");
  const isAwaited = (one, place) => call.isAwaited(one, place);
  if (promiseOf(inputs.value, inputs.at)) {
    readWithoutInputs(task, call, fields, isCall);
    return;
  }
  if (!isMap(inputs.value)) refuse(inputs.at, "no map");
  dropOrder(task, inputs);
  if (isCall) readCall(call, fields, inputs, nonce ?? new Uint8Array());
  else readCommand(task, fields, { nonce, isAwaited });
}

/** `inputs` is a promise: what `with` says can still be read. */
function readWithoutInputs(task, call, fields, isCall) {
  const inputs = fields.get("inputs");
  call.isAwaited(inputs.value, inputs.at);
  if (isCall) {
    const target = fields.get("with");
    call.code(target.value, target.at);
    return;
  }
  const others = new Map(fields.map);
  others.set("inputs", new Map());
  readCommand(task, closed(others, fields.at), {
    isAwaited: (one, at) => call.isAwaited(one, at),
  });
  task.input = null;
  if (task.kind === "wasi") task.program = null;
  task.warnings = task.warnings.filter(({ kind }) => kind !== "entry-defaulted");
}

function dropOrder(task, inputs) {
  if (!inputs.value.has("_")) return;
  const value = inputs.value.get("_");
  const at = below(inputs.at, "_");
  const all = Array.isArray(value) ? value : [value];
  all.forEach((one, i) => {
    const place = Array.isArray(value) ? below(at, i) : at;
    if (!promiseOf(one, place)) refuse(place, "no promise");
  });
  task.warn("order-dropped", at);
}

function readCall(call, fields, inputs, nonce) {
  const inner = closed(inputs.value, inputs.at);
  inner.drop("_");
  const target = fields.get("with");
  const func = inner.get("func");
  const args = inner.get("args");
  inner.refuseOthers();
  call.finish({
    code: call.code(target.value, target.at),
    name: call.function(func.value, func.at),
    args: call.args(args.value, args.at),
    nonce,
  });
}

// Promises

const PROMISES = {
  "ucan/promise": "ok",
  "ucan/ok": "ok",
  "promise/ok": "ok",
  "ucan/err": "error",
  "promise/err": "error",
  "ucan/ptr": "any",
  "promise/*": "any",
};

function promiseOf(value, at) {
  const ofLink = promiseOfLink(value);
  // Homestar's name an instruction by its CID, which no label is.
  if (ofLink) return { ...ofLink, key: null };
  if (!isMap(value) || value.size !== 1) return null;
  const [[key, pair]] = value;
  if (!Object.hasOwn(PROMISES, key)) return null;
  const place = below(at, key);
  if (!Array.isArray(pair) || pair.length !== 2 || !isText(pair[1])) {
    refuse(place, "no promise");
  }
  const [where, label] = pair;
  const when = PROMISES[key];
  if (where === "/") return { when, key: label, reference: `/${label}` };
  if (!(where instanceof Cid)) refuse(place, "no promise");
  const cid = where.isName ? (where.written ?? where.text) : where.text;
  return { when, key: null, reference: `${cid}/${label}` };
}
