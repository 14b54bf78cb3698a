/** GA4GH TES: tasks, forms/tes.md. */
import { lower, toUtf8 } from "../bytes.js";
import { rawOf } from "../cid.js";
import { isBare, ofImage, ofReference, ofUrl } from "../contents.js";
import { placed, refuse } from "../errors.js";
import { checkEnvName, checkText } from "../model.js";
import { clean, liesBelow } from "../paths.js";
import { image, ipfsReference, limited, s3Reference } from "../references.js";
import { Task } from "../task.js";
import { below, isEmpty, isMap, isText, isTree } from "../tree.js";
import { Fields } from "./fields.js";

export const network = "tes";

export function marks({ syntax, tree }) {
  const executors = isTree({ syntax }) && isMap(tree) && tree.get("executors");
  return Array.isArray(executors) && isMap(executors[0]) && executors[0].has("image");
}

export function read({ tree }, resolutions) {
  const task = new Task(network, resolutions());
  task.form = "task";
  task.kind = "oci";
  const fields = new Fields(tree, "", { folds: false });
  const files = readInputs(task, fields.get("inputs"));
  const executors = fields.get("executors");
  const list = listOf(executors).map((one) => executor(task, mapOf(one), files));
  if (list.length === 1) finish(task, list[0], files);
  else task.unresolved("many-programs", executors.at, image(list[0].image).reference);
  readDirs(task, fields.get("outputs"), fields.get("volumes"));
  const id = fields.get("id");
  if (!id.empty) task.aliases["tes-task"] = due(id);
  fields.drop("name", "description", "resources", "tags", "state", "logs");
  fields.drop("creation_time");
  ignore(task, fields);
  return [task];
}

// Values

function listOf({ value, at, empty }) {
  if (empty) return [];
  if (!Array.isArray(value)) refuse(at, "no list");
  return value.map((one, i) => ({ value: one, at: below(at, i), empty: isEmpty(one) }));
}

function mapOf({ value, at }) {
  return new Fields(value, at, { folds: false });
}

function due({ value, at }) {
  return isText(value) ? value : refuse(at, "no text");
}

function absolute(field) {
  const text = due(field);
  if (!text.startsWith("/")) refuse(field.at, "no absolute path");
  return clean(text, field.at);
}

function fileType(field) {
  const word = field.empty ? "FILE" : due(field);
  if (word !== "FILE" && word !== "DIRECTORY") refuse(field.at, "no type");
  return word;
}

function ignore(task, fields) {
  for (const at of fields.others) task.warn("ignored-field", at);
}

// Inputs: Map path -> cid | null

function readInputs(task, field) {
  const files = new Map();
  for (const one of listOf(field)) {
    const fields = mapOf(one);
    fields.drop("name", "description", "streamable");
    const type = fileType(fields.get("type"));
    const where = fields.get("path");
    const path = absolute(where);
    const cid = contentOf(task, fields, type);
    if (path === "/") refuse(where.at, "a file at the root");
    if (files.has(path)) refuse(where.at, "two files at one path");
    files.set(path, cid);
    ignore(task, fields);
  }
  return files;
}

function contentOf(task, fields, type) {
  const content = fields.get("content");
  const url = fields.get("url");
  if (content.empty && url.empty) refuse(fields.at, "neither content nor url");
  if (content.empty) return ofStorage(task, checkText(due(url), url.at), url.at);
  const text = due(content);
  if (type !== "FILE") refuse(content.at, "content of a directory");
  if (!url.empty) {
    due(url);
    task.warn("ignored-field", url.at);
  }
  return rawOf(toUtf8(text));
}

function ofStorage(task, text, at) {
  placed(at, () => limited(text));
  const scheme = lower(text.split("://")[0]);
  if (scheme === "s3") return ofS3(task, text.slice("s3://".length), at);
  if (["file", "ftp"].includes(scheme) && text.includes("\\")) refuse(at, "a backslash");
  if (/^drs:\/\/[^/?#:]+:[^/?#]*[^/?#0-9][^/?#]*$/i.test(text)) {
    task.unresolved("url", at, text);
    return null;
  }
  const known = placed(at, () => ipfsReference(text));
  if (known) return ofReference(task, known, at);
  if (!text.startsWith("/")) return ofUrl(task, text, at);
  const path = s3Reference({ bucket: "b", key: text }).slice("s3://b/".length);
  return ofUrl(task, `file://${path}`, at);
}

function ofS3(task, text, at) {
  const cut = text.indexOf("/");
  const bucket = cut < 0 ? text : text.slice(0, cut);
  const key = cut < 0 ? "" : text.slice(cut + 1);
  if (!bucket) refuse(at, "no bucket");
  const reference = placed(at, () => limited(s3Reference({ bucket, key })));
  const meaning = key ? task.resolutions.get(reference) : null;
  if (!meaning) task.unresolved(key ? "s3" : "s3-prefix", at, reference);
  return meaning?.cid ?? null;
}

// Executors

function executor(task, fields, files) {
  const name = fields.get("image");
  const found = ofImage(task, due(name), name.at);
  const args = commandOf(task, fields.get("command"));
  const env = envOf(fields.get("env"));
  const folder = fields.get("workdir");
  const cwd = folder.empty ? undefined : absolute(folder);
  const stdin = stdinOf(task, fields.get("stdin"), files);
  for (const stream of ["stdout", "stderr"]) {
    const field = fields.get(stream);
    if (!field.empty && files.has(absolute(field))) refuse(field.at, "an input is there");
  }
  const flag = fields.get("ignore_error");
  if (!flag.empty && typeof flag.value !== "boolean") refuse(flag.at, "no flag");
  task.warn("network-by-default", fields.at);
  ignore(task, fields);
  task.checkKnown({ args, env, cwd, files }, fields.at);
  return { image: name.value, at: name.at, found, args, env, cwd, stdin };
}

function finish(task, { found, at, args, env, cwd, stdin, ...one }, files) {
  if (!found.cid) return;
  task.program = { kind: "oci", code: found.cid };
  if (!isBare(task, one.image, found, at)) return;
  if (stdin === null || [...files.values()].includes(null)) return;
  task.input = { argv: args, env, cwd, files, stdin };
}

function commandOf(task, field) {
  const args = listOf(field).map((one) => checkText(due(one), one.at));
  if (!args.length) refuse(field.at, "no command");
  if (args.length === 1) task.warn("version-dependent", field.at);
  return args;
}

function envOf({ value, at, empty }) {
  if (empty) return new Map();
  if (!isMap(value)) refuse(at, "no map");
  const env = new Map();
  for (const [name, text] of value) {
    const place = below(at, name);
    if (value.odd?.has(name)) refuse(place, "a name that is no text");
    checkEnvName(name, place);
    env.set(name, checkText(due({ value: text, at: place }), place));
  }
  return env;
}

/** The CID, null while it is not known, undefined where there is no stdin. */
function stdinOf(task, field, files) {
  if (field.empty) return undefined;
  const path = absolute(field);
  const above = [...files.keys()]
    .filter((one) => one === path || liesBelow(path, one))
    .sort((a, b) => b.length - a.length)[0];
  if (above === undefined) {
    task.unresolved("image-file", field.at, path);
    return null;
  }
  const cid = files.get(above);
  if (!cid || above === path) return cid;
  const inside = path.slice(above.length + 1);
  const found = { kind: "ipfs-path", reference: `ipfs:${cid}/${inside}` };
  return ofReference(task, found, field.at);
}

// Directories

function readDirs(task, outputs, volumes) {
  for (const one of listOf(volumes)) task.dirs.add(absolute(one));
  for (const one of listOf(outputs)) {
    const fields = mapOf(one);
    fields.drop("name", "description", "path_prefix");
    const url = fields.get("url");
    if (!url.empty) due(url);
    task.dirs.add(directoryOf(absolute(fields.get("path")), fileType(fields.get("type"))));
    ignore(task, fields);
  }
  task.dirs.delete("/");
}

function directoryOf(path, type) {
  const parts = path.split("/");
  if (type === "FILE") parts.pop();
  const pattern = parts.findIndex((part) => /[*?[]/.test(part));
  return (pattern < 0 ? parts : parts.slice(0, pattern)).join("/") || "/";
}
