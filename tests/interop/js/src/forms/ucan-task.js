/** The UCAN task of December 2022: forms/ucan-task.md. */
import { fromPrefixed, gateway, isHttp, limited, normalUrl } from "../references.js";
import { ofDownload, ofImage, ofReference, ofUrl } from "../contents.js";
import { placed, refuse } from "../errors.js";
import { checkEnvName, checkText } from "../model.js";
import { clean, join } from "../paths.js";
import { containerCommand, Task } from "../task.js";
import { below, isMap, isText, isTree } from "../tree.js";
import { Fields } from "./fields.js";

export const network = "ipvm";

export function marks({ syntax, tree }) {
  return isTree({ syntax }) && isTask(tree);
}

export const isTask = (value) => isMap(value) && value.has("with") && value.has("do");

const closed = (map, at) => new Fields(map, at, { folds: false });

export function read({ tree }, resolutions) {
  const task = new Task(network, resolutions());
  const fields = closed(tree, "");
  fields.get("with");
  fields.drop("meta");
  const ability = fields.get("do");
  const inputs = fields.get("inputs");
  fields.refuseOthers();
  if (!isCommand(ability.value)) refuse(ability.at, "no ability");
  if (isMap(inputs.value) && inputs.value.has("_")) {
    refuse(below(inputs.at, "_"), "a field that the form does not have");
  }
  task.form = `UCAN task ${ability.value}`;
  readCommand(task, fields, {});
  return [task];
}

/**
 * `with`, `do`, `inputs` of a command. A batch adds a nonce, and promises:
 * `isAwaited` says of a value whether it is one, and keeps the finding.
 */
export function readCommand(task, fields, { nonce, isAwaited = () => false } = {}) {
  const inputs = fields.get("inputs");
  task.warn("network-by-default", inputs.at);
  const map = closed(inputs.value, inputs.at);
  map.isAwaited = isAwaited;
  map.drop("_");
  COMMANDS[fields.get("do").value](task, fields.get("with"), map);
  if (task.input && nonce) task.input.nonce = nonce;
}

const COMMANDS = { "docker/run": docker, "wasm32-wasi/run": wasm };

export const isCommand = (ability) => isText(ability) && Object.hasOwn(COMMANDS, ability);

/**
 * The field's value, or what stands for an absent one; `null` is refused.
 * Not known where it is a promise, or one of its elements.
 */
function typed(map, name, isOf, absent) {
  const { value, at } = map.get(name);
  if (value === undefined) return { value: absent, at, known: true };
  if (map.isAwaited(value, at)) return { value: absent, at, known: false };
  if (!isOf(value)) refuse(at, "a value of another type");
  return { value, at, known: true };
}

function texts(map, name) {
  const { value, at, known } = typed(map, name, Array.isArray, []);
  const list = value.map((text, i) =>
    map.isAwaited(text, below(at, i)) ? null : checkText(text, below(at, i)),
  );
  return known && !list.includes(null) ? list : null;
}

function docker(task, target, map) {
  task.kind = "oci";
  const entrypoint = texts(map, "entrypoint");
  const folder = typed(map, "workdir", isText, "");
  if (folder.value && !folder.value.startsWith("/")) {
    refuse(folder.at, "a relative directory");
  }
  const cwd = folder.value ? clean(folder.value, folder.at) : undefined;
  const rest = shared(task, map);
  map.refuseOthers();
  const { cid, meaning } = imageOf(task, target, map);
  if (cid) task.program = { kind: "oci", code: cid };
  const command = entrypoint && containerCommand(entrypoint, [], meaning);
  if (command === null && entrypoint) {
    refuse(below(map.at, "entrypoint"), "an empty command");
  }
  const known = entrypoint && (cid || entrypoint.length) && folder.known;
  if (known && rest.env && rest.files) task.input = { ...command, cwd, ...rest };
}

function imageOf(task, { value, at }, map) {
  if (map.isAwaited(value, at)) return { cid: null };
  if (!isText(value)) refuse(at, "no text");
  return ofImage(task, value, at);
}

function wasm(task, target, map) {
  task.kind = "wasi";
  const entry = typed(map, "entrypoint", isText, "");
  checkText(entry.value, entry.at);
  if (entry.known && entry.value === "") task.warn("entry-defaulted", entry.at);
  const args = texts(map, "parameters");
  const modules = typed(map, "modules", Array.isArray, []);
  const rest = shared(task, map);
  map.refuseOthers();
  const codeOf = (value, at) =>
    map.isAwaited(value, at) ? null : resource(task, value, at);
  const code = codeOf(target.value, target.at);
  const imports = modules.value.map((value, i) => ({
    code: codeOf(value, below(modules.at, i)),
    name: "",
  }));
  const known = entry.known && modules.known && imports.every((one) => one.code);
  if (code && known) {
    task.program = { kind: "wasi", code, entry: entry.value || "_start", imports };
  }
  if (args && rest.env && rest.files) task.input = { args, ...rest };
}

/** `mounts`, `outputs`, `env`; files are null while one is not known. */
function shared(task, map) {
  const mounts = typed(map, "mounts", isMap, new Map());
  const outputs = typed(map, "outputs", isMap, new Map());
  const variables = typed(map, "env", isMap, new Map());
  for (const [path] of keysOf(outputs)) {
    task.dirs.add(clean(path, below(outputs.at, path)));
  }
  for (const [path, value] of outputs.value)
    map.isAwaited(value, below(outputs.at, path));
  const env = new Map();
  let known = variables.known;
  for (const [name, value] of keysOf(variables)) {
    const at = below(variables.at, name);
    checkEnvName(name, at);
    if (map.isAwaited(value, at)) known = false;
    else env.set(name, checkText(value, at));
  }
  return { env: known ? env : null, files: readMounts(task, mounts, map) };
}

function keysOf({ value, at }) {
  for (const key of value.keys()) {
    if (value.odd?.has(key)) refuse(below(at, key), "a key that is no text");
  }
  return [...value];
}

function readMounts(task, mounts, map) {
  const files = new Map();
  let known = mounts.known;
  for (const [key, value] of keysOf(mounts)) {
    const at = below(mounts.at, key);
    const { path, cid } = map.isAwaited(value, at)
      ? { path: clean(key, at), cid: null }
      : mount(task, key, value, at);
    if (!cid) known = false;
    if (path === null) continue;
    if (path === "/") refuse(at, "a file at the root");
    if (files.has(path)) refuse(at, "two files at one path");
    files.set(path, cid);
  }
  return known ? files : null;
}

function mount(task, key, value, at) {
  if (!isText(value)) refuse(at, "no text");
  const target = clean(key, at);
  if (!value.startsWith("http"))
    return { path: target, cid: resource(task, value, at) };
  if (!isHttp(value)) refuse(at, "neither http nor https");
  if (key.endsWith(".git")) {
    const url = placed(at, () => normalUrl(value));
    task.unresolved("repository", at, url);
    return { path: target, cid: null };
  }
  const { cid, url, given, name } = ofDownload(task, value, at);
  const lands = given ?? name;
  if (cid && lands === null) task.unresolved("url-name", at, url);
  if (lands === null) return { path: null, cid: null };
  return { path: lands ? clean(join(target, lands), at) : target, cid };
}

/** The CID of a resource, or null and a finding. */
function resource(task, text, at) {
  if (!isText(text)) refuse(at, "no text");
  placed(at, () => limited(text));
  if (text.startsWith("ipfs:")) {
    const rest = text.slice("ipfs:".length).replace(/^[:/]+/, "");
    return ofReference(
      task,
      placed(at, () => fromPrefixed("ipfs", rest)),
      at,
    );
  }
  if (!/^https?:\/\//.test(text)) refuse(at, "no resource");
  const known = placed(at, () => gateway(text));
  return known ? ofReference(task, known, at) : ofUrl(task, text, at);
}
