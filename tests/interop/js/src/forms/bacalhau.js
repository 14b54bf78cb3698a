/** What all forms of Bacalhau share: forms/bacalhau-job.md. */
import { lower, trim } from "../bytes.js";
import { ofImage } from "../contents.js";
import { refuse } from "../errors.js";
import { checkEnvName, checkText } from "../model.js";
import { clean } from "../paths.js";
import { image as imageReference } from "../references.js";
import { clearedCommand, containerCommand } from "../task.js";
import { below, isMap } from "../tree.js";
import { Fields } from "./fields.js";
import { due, literal, text } from "./storage.js";

export const folding = (map, at) => new Fields(map, at, { folds: true });

/** The job: the document's `Job` if that is a map, else the document. */
export function jobOf(tree, ...notBeside) {
  const document = folding(tree, "");
  const inner = document.get("Job");
  if (!isMap(inner.value)) return { job: document, isInner: false };
  for (const name of notBeside) {
    if (document.has(name)) {
      refuse(document.get(name).at, `Job, or ${name} beside it`);
    }
  }
  return { job: folding(inner.value, inner.at), isInner: true };
}

/** The map of a field, an empty one where the field is empty. */
export function mapOf(field) {
  if (field.empty) return folding(new Map(), field.at);
  if (!isMap(field.value)) refuse(field.at, "no map");
  return folding(field.value, field.at);
}

export function listOf(field) {
  if (field.empty) return [];
  if (!Array.isArray(field.value)) refuse(field.at, "no list");
  return field.value.map((value, i) => ({ value, at: below(field.at, i) }));
}

export const elements = (field) =>
  listOf(field).map(({ value, at }) => folding(value, at));

/** A list of literals, null where one of them is a template. */
export function literals(task, field) {
  const list = listOf(field).map(({ value, at }) => {
    const read = literal(task, value, at);
    return read === null ? null : checkText(read, at);
  });
  return list.includes(null) ? null : list;
}

export const word = (field) => lower(trim(text(field)));

/** Network, "Network". */
export function network(task, field) {
  const map = mapOf(field);
  const type = map.get("Type");
  const asked = [map.get("Ports"), map.get("Domains")];
  map.ignoreOthers(task);
  switch (word(type)) {
    case "none":
      return;
    case "":
      task.warn("network-by-default", type.at);
      for (const { empty, at } of asked) if (!empty) task.impure("network", at);
      return;
    case "full":
    case "host":
    case "bridge":
    case "http":
    case "default":
      task.impure("network", type.at);
      return;
    default:
      refuse(type.at, "no type of network");
  }
}

// Environment. Entries {name, value, at}; null for an entry that is a template.

function checkName(name, at) {
  checkEnvName(name, at);
  if (lower(name).startsWith("bacalhau_")) refuse(at, "a name of Bacalhau's own");
}

function entry(task, name, value, at) {
  if (typeof value !== "string") refuse(at, "no text");
  const parts = [name, value].map((part) => literal(task, part, at));
  if (parts.includes(null)) return null;
  checkName(name, at);
  return { name, value: checkText(value, at), at };
}

export function envOfMap(task, field) {
  if (field.empty) return [];
  if (!isMap(field.value)) refuse(field.at, "no map");
  return [...field.value].map(([name, value]) => {
    const at = below(field.at, name);
    if (field.value.odd?.has(name)) refuse(at, "a name that is no text");
    return entry(task, name, value, at);
  });
}

export function envOfList(task, field) {
  return listOf(field).map(({ value, at }) => {
    const whole = literal(task, value, at);
    if (whole === null) return null;
    const cut = whole.indexOf("=");
    if (cut <= 0) refuse(at, "no NAME=value");
    return entry(task, whole.slice(0, cut), whole.slice(cut + 1), at);
  });
}

/** The environment, or null while it is not known. */
export function mergedEnv(task, ofTask, ofEngine) {
  const overridden = new Set(ofEngine.map((one) => one?.name));
  const env = new Map();
  let known = true;
  for (const one of [...ofTask, ...ofEngine]) {
    if (one === null) known = false;
    else env.set(one.name, one.value);
  }
  for (const one of ofTask) {
    if (!one?.value.startsWith("env:") || overridden.has(one.name)) continue;
    task.impure("host-env", one.at);
    known = false;
  }
  return known ? env : null;
}

// Files

/** {files: Map path -> cid | null, placed: are all places known, root: of a file at `/`} */
export function landed(sources) {
  const files = new Map();
  let root;
  let placed = true;
  for (const source of sources) {
    if (source.files === null) {
      placed = false;
      continue;
    }
    for (const { path, cid } of source.files) {
      if (files.has(path)) refuse(source.at, "two files at one path");
      files.set(path, cid);
      if (path === "/") root = source.at;
    }
  }
  return { files, placed, root };
}

function allKnown({ files, placed, root }) {
  if (files.has("/")) refuse(root, "a file at the root");
  return placed && ![...files.values()].includes(null);
}

// Engines

/**
 * {image, entrypoint, parameters, cwd} are fields; env and landings are read.
 * `clears`: an entrypoint of `[]` reaches Docker.
 */
export function docker(task, { clears, ...given }) {
  const { image, entrypoint, parameters, cwd, env, landings } = given;
  task.kind = "oci";
  const named = literal(task, due(image), image.at);
  const found = named === null ? { cid: null } : ofImage(task, named, image.at);
  if (found.cid) task.program = { kind: "oci", code: found.cid };
  const E = literals(task, entrypoint);
  const P = parameters ? literals(task, parameters) : [];
  const folder = cwd.empty ? "" : literal(task, text(cwd), cwd.at);
  if (folder && !folder.startsWith("/")) refuse(cwd.at, "a relative directory");
  const path = folder ? clean(folder, cwd.at) : undefined;
  const known = allKnown(landings);
  const { files } = landings;
  task.checkKnown({ args: [...(E ?? []), ...(P ?? [])], env, cwd: path, files }, image.at);
  const cleared = clears && Array.isArray(entrypoint.value) && !E?.length;
  const command =
    E &&
    P &&
    (cleared
      ? clearedCommand(P, found.meaning)
      : (found.cid || E.length) && containerCommand(E, P, found.meaning));
  if (cleared && P && command === undefined && found.cid) {
    task.unresolved("oci-cmd", entrypoint.at, imageReference(named).reference);
  }
  if (command === null && E && P) refuse(entrypoint.at, "an empty command");
  if (command && env && folder !== null && known) {
    task.input = { ...command, env, cwd: path, files: landings.files };
  }
}

/** {entry: field, parameters: field, main: cid | null, imports: [{code, name}]} */
export function wasm(task, { entry, parameters, main, imports, env, landings }) {
  task.kind = "wasi";
  const name = entryPoint(task, entry);
  const args = literals(task, parameters);
  const complete = imports.every((one) => one.code && one.name !== null);
  if (main && name && complete) {
    task.program = { kind: "wasi", code: main, entry: name, imports };
  }
  const known = allKnown(landings);
  task.checkKnown({ args, env, files: landings.files }, parameters.at);
  if (args && env && known) {
    task.input = { args, env, files: landings.files };
  }
}

function entryPoint(task, field) {
  if (field.empty) {
    task.warn("entry-defaulted", field.at);
    return "_start";
  }
  const name = literal(task, text(field), field.at);
  return name === null ? null : checkText(name, field.at);
}

/** Declared outputs are no identity; claims say them. */
export function outputs(task, field, name, ...dropped) {
  for (const output of elements(field)) {
    const path = output.get(name);
    text(output.get("Name"));
    output.drop(...dropped);
    output.ignoreOthers(task);
    const written = path.empty ? null : literal(task, text(path), path.at);
    if (written !== null) task.dirs.add(clean(written, path.at));
  }
}
