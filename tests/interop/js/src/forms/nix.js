/** Nix: derivations, forms/nix.md. */
import { compareText, toUtf8 } from "../bytes.js";
import { rawOf } from "../cid.js";
import { placed, refuse } from "../errors.js";
import { NotJson, parseJson } from "../json.js";
import {
  derivationOf,
  derivationPath,
  isName,
  placeholder,
  storePath,
  textOf,
  under,
} from "../nix-store.js";
import { Task } from "../task.js";
import { below, isEmpty, isMap, isNothing, isText, isTree } from "../tree.js";
import { Fields } from "./fields.js";

const SOLE = ["builder", "outputs", "system"];
const METHODS = { nar: "r:", flat: "", text: "text:", git: "git:" };
const ALGORITHM = /^(r:|text:|git:)?(md5|sha1|sha256|sha512|blake3)$/;
const OPENINGS = ["__noChroot", "__impureHostDeps", "__sandboxProfile"];
const GRAPH = "exportReferencesGraph";

export const network = "nix";

export function marks({ syntax, tree }) {
  if (syntax === "derivation") return true;
  if (!isTree({ syntax }) || !isMap(tree)) return false;
  const inner = tree.has("derivations") ? tree.get("derivations") : tree;
  return (isMap(inner) && areNamed(inner)) || isSole(tree);
}

const isSole = (tree) => SOLE.every((name) => tree.has(name));
const areNamed = (tree) =>
  tree.size > 0 && [...tree].every(([key, one]) => key.endsWith(".drv") && isMap(one));

const closed = (map, at) => new Fields(map, at, { folds: false });

export function read({ syntax, tree, text }, resolutions) {
  const written =
    syntax === "derivation" ? [placed("", () => ofText(text))] : ofTree(tree);
  return written.map((one) => readOne(one, resolutions()));
}

function ofText(text) {
  const derivation = derivationOf(text);
  const places = new Map();
  derivation.srcs.forEach((path, i) => places.set(path, below("", "inputSrcs", i)));
  for (const path of derivation.drvs.keys()) {
    places.set(path, below("", "inputDrvs", path));
  }
  return checked({ derivation, places, at: "", drvsAt: "/inputDrvs" });
}

function ofTree(tree) {
  if (isSole(tree)) return [ofJson(tree, "", null)];
  let [named, at] = [tree, ""];
  if (tree.has("derivations")) {
    const fields = closed(tree, "");
    ({ value: named, at } = fields.get("derivations"));
    fields.drop("version");
    fields.refuseOthers();
  }
  return entries(named, at).map(([key, value, place]) =>
    ofJson(value, place, placed(place, () => storePath(key))),
  );
}

function entries(map, at) {
  if (isEmpty(map)) return [];
  if (!isMap(map)) refuse(at, "no map");
  return [...map].map(([key, value]) => {
    const place = below(at, key);
    if (map.odd?.has(key)) refuse(place, "a key that is no text");
    return [key, value, place];
  });
}

function elements(list, at) {
  if (isEmpty(list)) return [];
  if (!Array.isArray(list)) refuse(at, "no list");
  return list.map((value, i) => ({ value, at: below(at, i) }));
}

const textAt = ({ value, at }) => (isText(value) ? value : refuse(at, "no text"));
const pathAt = (field) => placed(field.at, () => storePath(textAt(field)));

function ofJson(map, at, key) {
  const fields = isEmpty(map) ? closed(new Map(), at) : closed(map, at);
  const version = fields.get("version");
  if (fields.has("version") && ![1n, 2n, 3n, 4n].includes(version.value)) {
    refuse(version.at, "another version");
  }
  const name = fields.get("name");
  const [srcs, drvs] = inputsOf(fields);
  const places = new Map();
  for (const item of elements(srcs.value, srcs.at)) {
    const path = pathAt(item);
    if (!places.has(path)) places.set(path, item.at);
  }
  const derivation = { srcs: [...places.keys()], drvs: new Map() };
  const isDynamic = readDrvs(drvs, derivation.drvs, places);
  const outputs = fields.get("outputs");
  derivation.outputs = new Map(
    entries(outputs.value, outputs.at).map(([one, value, place]) => [
      one,
      outputOf(value, place),
    ]),
  );
  derivation.system = textAt(fields.get("system"));
  derivation.builder = textAt(fields.get("builder"));
  const args = fields.get("args");
  derivation.args = elements(args.value, args.at).map(textAt);
  derivation.env = envOf(fields);
  fields.refuseOthers();
  return checked({
    derivation,
    places,
    at,
    key,
    name: fields.has("name") ? textAt(name) : null,
    drvsAt: drvs.at,
    isDynamic,
  });
}

function checked(written) {
  if (textOf(written.derivation).includes("\0")) refuse(written.at, "U+0000");
  return written;
}

function inputsOf(fields) {
  if (!fields.has("inputs")) return [fields.get("inputSrcs"), fields.get("inputDrvs")];
  const inputs = fields.get("inputs");
  if (Array.isArray(inputs.value)) return [inputs, fields.get("inputDrvs")];
  const inner = closed(inputs.empty ? new Map() : inputs.value, inputs.at);
  const found = [inner.get("srcs"), inner.get("drvs")];
  inner.refuseOthers();
  return found;
}

/** Fills in the outputs by path, and places; whether any are dynamic. */
function readDrvs(drvs, out, places) {
  let isDynamic = false;
  for (const [key, value, at] of entries(drvs.value, drvs.at)) {
    const path = placed(at, () => storePath(key));
    if (out.has(path)) refuse(at, "a second entry");
    let names = { value, at };
    if (isMap(value)) {
      const fields = closed(value, at);
      names = fields.get("outputs");
      const dynamic = fields.get("dynamicOutputs");
      if (entries(dynamic.value, dynamic.at).length) isDynamic = true;
      fields.refuseOthers();
    }
    const found = elements(names.value, names.at).map(textAt);
    out.set(path, [...new Set(found)].sort(compareText));
    places.set(path, at);
  }
  return isDynamic;
}

function outputOf(value, at) {
  const fields = closed(isEmpty(value) ? new Map() : value, at);
  const textOr = (name) => (fields.has(name) ? textAt(fields.get(name)) : "");
  const path = fields.has("path") ? pathAt(fields.get("path")) : "";
  let algorithm = textOr("hashAlgo");
  let hash = textOr("hash");
  if (fields.has("method")) {
    const method = textAt(fields.get("method"));
    if (!Object.hasOwn(METHODS, method)) refuse(fields.get("method").at, "no method");
    if (algorithm) algorithm = METHODS[method] + algorithm;
  }
  const impure = fields.get("impure");
  if (!impure.empty && typeof impure.value !== "boolean") refuse(impure.at, "no flag");
  if (impure.value === true) hash = "impure";
  fields.refuseOthers();
  return { path, algorithm, hash };
}

function envOf(fields) {
  const env = fields.get("env");
  const found = new Map(
    entries(env.value, env.at).map(([name, value, at]) => [name, textAt({ value, at })]),
  );
  const attributes = fields.get("structuredAttrs");
  if (isNothing(attributes.value)) return found;
  if (found.has("__json") || !isMap(attributes.value)) {
    refuse(attributes.at, "no map, or __json beside it");
  }
  found.set("__json", dump(attributes.value, attributes.at));
  return found;
}

/** JSON as Nix dumps it: keys ascend bytewise, no white space. */
function dump(value, at) {
  if (isMap(value)) {
    const pairs = entries(value, at)
      .sort(([a], [b]) => compareText(a, b))
      .map(([key, item, place]) => `${JSON.stringify(key)}:${dump(item, place)}`);
    return `{${pairs.join(",")}}`;
  }
  if (Array.isArray(value)) {
    return `[${value.map((item, i) => dump(item, below(at, i))).join(",")}]`;
  }
  if (typeof value === "bigint") return String(value);
  if (isText(value) || value === null || typeof value === "boolean") {
    return JSON.stringify(value);
  }
  return refuse(at, "a value whose spelling is Nix's");
}

function readOne(written, resolutions) {
  const { derivation, at } = written;
  const task = new Task(network, resolutions);
  task.form = "derivation";
  task.kind = "nix";
  const attributes = attributesOf(derivation.env, below(at, "env"));
  const name = nameOf(written, attributes);
  const isNamed = judgeOutputs(task, written);
  const isClosed = judgeAttributes(task, attributes);
  const resolved = resolve(task, written);
  const files = inputs(task, written, resolved);
  if (resolved) {
    const isCode = judgeBuilder(task, at, resolved.builder, files);
    if (isCode && isNamed) {
      task.program = { kind: "nix", code: rawOf(toUtf8(textOf(resolved))) };
    }
    if (files && isClosed) task.input = { files };
  }
  const byWord = [...derivation.outputs.values()].some(({ hash }) => hash);
  if (!written.isDynamic && !byWord) nameAliases(task, written, name, resolved);
  task.result(); // a block that cannot be is refused whatever else is missing
  return task;
}

function attributesOf(env, at) {
  if (!env.has("__json")) return { get: (key) => env.get(key), place: (key) => below(at, key), at };
  const place = below(at, "__json");
  let tree;
  try {
    tree = placed(place, () => parseJson(env.get("__json")));
  } catch (error) {
    if (error instanceof NotJson) refuse(place, "no JSON");
    throw error;
  }
  if (!isMap(tree)) refuse(place, "no map");
  return { get: (key) => tree.get(key), place: () => place, at: place };
}

function nameOf({ name, at }, attributes) {
  const found = attributes.get("name");
  if (!isText(found) || !isName(found)) refuse(attributes.at, "no name");
  if (name !== undefined && name !== null && name !== found) {
    refuse(below(at, "name"), "two names");
  }
  return found;
}

function judgeOutputs(task, { derivation, at }) {
  const kinds = new Set();
  for (const [name, { path, algorithm, hash }] of derivation.outputs) {
    const place = below(at, "outputs", name);
    if (!isName(name)) refuse(place, "no name of an output");
    if (algorithm && !ALGORITHM.test(algorithm)) refuse(place, "no hash that Nix knows");
    if (hash) {
      task.impure(hash === "impure" ? "nix-impure-output" : "nix-fixed-output", place);
    }
    else if (!path && !algorithm) {
      task.unresolved("nix-deferred-output", place, `nix:^${name}`);
    } else if (path && algorithm) refuse(place, "a path and an algorithm");
    kinds.add([path, algorithm, hash].map((word) => (word ? 1 : 0)).join(""));
  }
  if (kinds.size !== 1) refuse(below(at, "outputs"), "several types, or none");
  return kinds.has("100") || kinds.has("010");
}

const isShut = (value) => isEmpty(value) || value === "0" || value === false || value === 0n || value === 0;

function judgeAttributes(task, { get, place }) {
  const opened = OPENINGS.filter((key) => !isShut(get(key)));
  for (const key of opened) task.impure("host-directory", place(key));
  const hasGraph = !isShut(get(GRAPH));
  if (hasGraph) task.unresolved("nix-references-graph", place(GRAPH), `nix:${GRAPH}`);
  return opened.length === 0 && !hasGraph;
}

function resolve(task, { derivation, at, places, drvsAt, isDynamic }) {
  if (isDynamic) task.unresolved("nix-dynamic-derivation", drvsAt, "nix:dynamicOutputs");
  let missing = isDynamic;
  const made = [];
  for (const [drv, outputs] of derivation.drvs) {
    if (!drv.endsWith(".drv") || !outputs.length || !outputs.every(isName)) {
      refuse(places.get(drv), "no derivation, or no outputs of it");
    }
    for (const output of outputs) {
      const reference = `nix:${drv}^${output}`;
      const meaning = task.resolutions.get(reference);
      if (meaning) made.push([placeholder(drv, output), meaning.path]);
      else {
        task.unresolved("nix-output", places.get(drv), reference);
        missing = true;
      }
    }
  }
  if (missing) return null;
  const rewrite = (text) =>
    made.reduce((whole, [from, to]) => whole.replaceAll(from, () => to), text);
  const env = new Map(
    [...derivation.env].map(([key, value]) => [rewrite(key), rewrite(value)]),
  );
  if (env.size < derivation.env.size) refuse(below(at, "env"), "two names become one");
  return {
    ...derivation,
    drvs: made.length ? new Map() : derivation.drvs,
    srcs: [...derivation.srcs, ...made.map(([, path]) => path)],
    builder: rewrite(derivation.builder),
    args: derivation.args.map(rewrite),
    env,
  };
}

function inputs(task, { derivation, places, drvsAt }, resolved) {
  const srcs = (resolved ?? derivation).srcs;
  const files = new Map();
  const seen = new Set(srcs);
  for (const src of [...seen].sort(compareText)) {
    const at = places.get(src) ?? drvsAt;
    const open = [src];
    while (open.length) {
      const path = open.pop();
      const reference = `nix:${path}`;
      const meaning = task.resolutions.get(reference);
      if (!meaning) {
        task.unresolved("nix-path", at, reference);
        continue;
      }
      files.set(path, meaning.nar);
      for (const one of meaning.references.filter((found) => !seen.has(found))) {
        seen.add(one);
        open.push(one);
      }
    }
  }
  return resolved && files.size === seen.size ? files : null;
}

function judgeBuilder(task, at, builder, files) {
  const place = below(at, "builder");
  if (builder.startsWith("builtin:")) {
    task.impure("nix-builtin", place);
    return false;
  }
  const path = builder.split("/").includes("..") ? null : under(builder);
  if (path !== null && (!files || files.has(path))) return true;
  task.impure("host-directory", place);
  return false;
}

function nameAliases(task, { derivation, key, at }, name, resolved) {
  const pathOf = (one) =>
    derivationPath(name, textOf(one), [...one.srcs, ...one.drvs.keys()]);
  const path = pathOf(derivation);
  if (key !== undefined && key !== null && key !== path) refuse(at, "another path");
  task.aliases["nix-derivation"] = path;
  if (resolved && derivation.drvs.size) task.aliases["nix-resolved"] = pathOf(resolved);
}
