/** Homestar 0.2: forms/homestar.md. */
import { lower, trim } from "../bytes.js";
import { Cid, sha3CborOf } from "../cid.js";
import { fromDagJson } from "../dagjson.js";
import { depth, DEPTH_MAX, encode } from "../dagcbor.js";
import { Refused, refuse } from "../errors.js";
import { normalUrl } from "../references.js";
import { Task } from "../task.js";
import { below, holdsTemplate, isMap, isNothing, isText, isTree } from "../tree.js";
import { Call, promiseOfLink, settleAwaits } from "./calls.js";
import { Fields } from "./fields.js";

const TASKS_MAX = 10000;
const ALIAS_BYTES_MAX = 50331648;

export const network = "ipvm";

export function marks({ syntax, tree }) {
  if (!isTree({ syntax }) || !isMap(tree)) return false;
  const inner = tree.get("workflow");
  return (
    tree.has("rsc") ||
    isRun(tree.get("run")) ||
    startsWithTask(tree.get("tasks")) ||
    (isMap(inner) && startsWithTask(inner.get("tasks")))
  );
}

const startsWithTask = (tasks) =>
  Array.isArray(tasks) && isMap(tasks[0]) && isRun(tasks[0].get("run"));

const isRun = (run) =>
  run instanceof Cid ||
  (isMap(run) && ["rsc", "input", "/"].some((name) => run.has(name)));

const closed = (map, at) => new Fields(map, at, { folds: false });

export function read({ syntax, tree: written }, resolutions) {
  const tree = syntax === "cbor" ? written : fromDagJson(written, "");
  const { form, entries, isWorkflow } = entriesOf(tree);
  if (entries.length > TASKS_MAX) refuse("", "too many tasks");
  const isTemplate = entries.some(
    ({ run }) => isMap(run.value) && run.value.has("name"),
  );
  const tasks = entries.map((entry) => {
    const task = new Task(network, resolutions());
    task.form = form;
    readInstruction(task, entry.run, isTemplate);
    return task;
  });
  const byInstruction = new Map();
  const aliases = tasks.map((task, i) => {
    if (task.impureFindings.length) return {};
    const alias = aliasOf(entries[i]);
    if (alias.instruction && byInstruction.has(alias.instruction)) {
      refuse(entries[i].run.at, "an instruction twice");
    }
    if (alias.instruction) byInstruction.set(alias.instruction, task);
    return alias;
  });
  settleAwaits(tasks, byInstruction);
  giveAliases(tasks, aliases, isWorkflow);
  return tasks;
}

/** {form, entries: [{run: {value, at}, task?: Map}]} */
function entriesOf(tree) {
  if (tree.has("rsc")) {
    const run = { value: tree, at: "" };
    return { form: "Homestar 0.2 instruction", entries: [{ run }] };
  }
  if (tree.has("run")) {
    return { form: "Homestar 0.2 task", entries: [taskEntry(tree, "")] };
  }
  const form = "Homestar 0.2 workflow";
  let workflow = closed(tree, "");
  if (tree.has("workflow")) {
    workflow.drop("name");
    const inner = workflow.get("workflow");
    workflow.refuseOthers();
    workflow = closed(inner.value, inner.at);
  }
  const tasks = workflow.get("tasks");
  workflow.refuseOthers();
  if (!Array.isArray(tasks.value) || !tasks.value.length) refuse(tasks.at, "no tasks");
  const entries = tasks.value.map((task, i) => taskEntry(task, below(tasks.at, i)));
  return { form, entries, isWorkflow: true };
}

function taskEntry(map, at) {
  const fields = closed(map, at);
  const run = fields.get("run");
  fields.drop("cause", "meta", "prf");
  fields.refuseOthers();
  if (!isMap(run.value)) refuse(run.at, "no instruction");
  return { run, task: map };
}

function readInstruction(task, { value, at }, isTemplate) {
  const fields = closed(value, at);
  const judgeText = (text, place) => {
    if (!isTemplate) return false;
    if (holdsTemplate(text)) {
      task.impure("template", place);
      return true;
    }
    if (text.includes("\0")) refuse(place, "U+0000");
    return false;
  };
  const call = new Call(task, { judgeText });
  if (isTemplate) {
    const name = fields.get("name");
    if (name.value !== undefined && !isText(name.value)) refuse(name.at, "no text");
  }
  const rsc = fields.get("rsc");
  const op = fields.get("op");
  const input = fields.get("input");
  const nnc = fields.get("nnc");
  fields.refuseOthers();
  readOp(op, isTemplate);
  const parts = {};
  if (isTemplate && rsc.value === undefined) task.impure("template", rsc.at);
  else parts.code = call.code(rsc.value, rsc.at);
  if (!call.isAwaited(input.value, input.at)) {
    const inner = closed(input.value, input.at);
    const func = inner.get("func");
    const args = inner.get("args");
    inner.refuseOthers();
    parts.name = call.function(func.value, func.at);
    parts.args =
      isNothing(args.value) || args.value === ""
        ? refuse(args.at, "no list")
        : call.args(args.value, args.at);
  }
  parts.nonce = call.nonce(nnc.value, nnc.at);
  call.finish(parts);
}

function readOp({ value, at }, isTemplate) {
  if (isTemplate && value === undefined) return;
  if (!isText(value) || lower(trim(value)) !== "wasm/run") refuse(at, "no wasm/run");
}

// Aliases

/** {instruction?: CID text, I?, T?} */
function aliasOf({ run, task }) {
  const I = instructionOf(run.value);
  const instruction = I && hashOf(I);
  if (!instruction) return {};
  return { instruction, I, T: task && taskOf(task, I) };
}

function instructionOf(run) {
  const rsc = resourceText(run.get("rsc"));
  const nnc = run.get("nnc") ?? "";
  if (rsc === null || run.get("op") === undefined || promiseOfLink(nnc)) return null;
  return new Map([
    ["rsc", rsc],
    ["op", lower(trim(run.get("op")))],
    ["input", run.get("input")],
    ["nnc", nnc],
  ]);
}

function resourceText(rsc) {
  if (rsc instanceof Cid) return isAsWritten(rsc) ? `ipfs://${rsc}` : null;
  if (!isText(rsc) || rsc.includes("#")) return null;
  if (rsc.startsWith("data:") && /^[\x21-\x7e]*$/.test(rsc)) return rsc;
  try {
    return normalUrl(rsc);
  } catch (error) {
    if (error instanceof Refused) return null;
    throw error;
  }
}

function taskOf(task, I) {
  const cause = task.get("cause") ?? null;
  const isTask =
    task.has("meta") &&
    Array.isArray(task.get("prf")) &&
    (cause === null || cause instanceof Cid);
  if (!isTask) return null;
  return new Map([
    ["run", I],
    ["cause", cause],
    ["meta", task.get("meta")],
    ["prf", task.get("prf")],
  ]);
}

/** A link whose text is the binary of its CID. */
const isAsWritten = (cid) => cid.written === null && !cid.isName;

function holdsOther(value) {
  if (value instanceof Cid) return !isAsWritten(value);
  if (Array.isArray(value)) return value.some(holdsOther);
  return isMap(value) && [...value.values()].some(holdsOther);
}

function hashOf(value) {
  if (holdsOther(value) || depth(value) > DEPTH_MAX) return null;
  const block = encode(value);
  return block.length > ALIAS_BYTES_MAX ? null : sha3CborOf(block).text;
}

function giveAliases(tasks, aliases, isWorkflow) {
  const all = aliases.map(({ T }) => T);
  const workflow =
    isWorkflow && all.every(Boolean) ? hashOf(new Map([["tasks", all]])) : null;
  tasks.forEach((task, i) => {
    const { instruction, T } = aliases[i];
    if (task.impureFindings.length) return;
    const ran = T && hashOf(new Map([["task", T]]));
    if (instruction) task.aliases["homestar-instruction"] = instruction;
    if (ran) task.aliases["homestar-ran"] = ran;
    if (workflow) task.aliases["homestar-workflow"] = workflow;
  });
}
