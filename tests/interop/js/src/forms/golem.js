/** Golem: bundles, forms/golem.md. */
import { fromBase64, fromHex, fromUtf8, lower, percentDecode, trim, unspaced } from "../bytes.js";
import { rawOfSha3 } from "../cid.js";
import { ofReference } from "../contents.js";
import { placed, refuse } from "../errors.js";
import { NotJson, parseJson } from "../json.js";
import { checkText } from "../model.js";
import { clean } from "../paths.js";
import {
  bareCid,
  gateway,
  ipfsReference,
  limited,
  looksLikeGateway,
  normalUrl,
} from "../references.js";
import { Task } from "../task.js";
import { below, isEmpty, isMap, isNothing, isText, isTree } from "../tree.js";
import { Fields } from "./fields.js";

const SHA3_BITS = { 56: 224, 64: 256, 96: 384, 128: 512 };
const FAMILIES = { vm: "vm", "vm-nvidia": "vm", wasmtime: "wasmtime" };
const PROPERTY_NAME_MAX = 1024;
const PAYLOAD = "golem.srv.comp.payload";

export const network = "golem";

export function marks({ syntax, tree }) {
  return isTree({ syntax }) && isMap(tree) && tree.has("exeScript");
}

const closed = (map, at) => new Fields(map, at, { folds: false });

export function read({ tree }, resolutions) {
  const task = new Task(network, resolutions());
  const fields = closed(tree, "");
  const runtime = fields.get("runtime");
  const [demand, agreement] = [fields.get("demand"), fields.get("agreement")];
  const script = fields.get("exeScript");
  const inputs = fields.get("inputs");
  const activity = fields.get("activityId");
  for (const at of fields.others) {
    if (!at.startsWith("/_")) refuse(at, "a field that a bundle does not have");
    task.warn("ignored-field", at);
  }
  if (isNothing(demand.value) === isNothing(agreement.value)) {
    refuse(isNothing(demand.value) ? "" : agreement.at, "a demand, or an agreement");
  }
  if (!activity.empty) {
    if (!isText(activity.value)) refuse(activity.at, "no text");
    task.aliases["golem-activity"] = activity.value;
  }
  const terms = isNothing(agreement.value)
    ? ofDemand(demand)
    : ofAgreement(task, agreement);
  const family = familyOf(runtime, terms);
  task.form = `bundle ${family}`;
  const contents = new Contents(task, inputs);
  const done = new Script(task, contents, family).read(script);
  contents.warnUnused();
  readPackage(task, family, terms, done);
  readInput(task, family, done);
  return [task];
}

// Terms

/** Flat name -> {value, at}. */
function flatten(map, at, prefix = "", out = new Map()) {
  for (const [key, value] of map) {
    const place = below(at, key);
    const name = (prefix ? `${prefix}.${key}` : key).replace(/\.@tag$/, "");
    if (isMap(value) && value.size) {
      flatten(value, place, prefix ? `${prefix}.${key}` : key, out);
      continue;
    }
    if (out.has(name)) refuse(place, "a property by two spellings");
    if ([...name].length > PROPERTY_NAME_MAX) refuse(place, "a name too long");
    out.set(name, { value, at: place });
  }
  return out;
}

function under(flat, prefix) {
  const found = [...flat].filter(([name]) => name.startsWith(prefix));
  return new Map(found.map(([name, field]) => [name.slice(prefix.length), field]));
}

function ofDemand({ value, at }) {
  if (!isMap(value)) refuse(at, "no map");
  const flat = flatten(value, at);
  const names = [...flat.keys()];
  const whole = flat.get("properties");
  const hasProperties =
    (whole && whole.value !== null) ||
    names.some((name) => name.startsWith("properties."));
  const own = names.find((name) => name.startsWith("golem."));
  if (hasProperties && own) refuse(flat.get(own).at, "a property beside properties");
  const properties = hasProperties ? under(flat, "properties.") : flat;
  return { at, properties, offer: new Map(), constraints: flat.get("constraints") };
}

function ofAgreement(task, { value, at }) {
  if (!isMap(value)) refuse(at, "no map");
  const flat = flatten(value, at);
  const id = flat.get("agreementId");
  if (id && !isEmpty(id.value)) {
    if (!isText(id.value)) refuse(id.at, "no text");
    task.aliases["golem-agreement"] = id.value;
  }
  return {
    at,
    properties: under(flat, "demand.properties."),
    offer: under(flat, "offer.properties."),
    constraints: flat.get("demand.constraints"),
  };
}

function property(properties, name) {
  const field = properties.get(name);
  if (!field || isNothing(field.value)) return null;
  if (!isText(field.value)) refuse(field.at, "no text");
  return field;
}

function familyOf(runtime, terms) {
  const names = [];
  if (!isNothing(runtime.value)) {
    const fields = closed(runtime.value, runtime.at);
    const name = fields.get("name");
    fields.drop("version");
    fields.refuseOthers();
    names.push(name);
  }
  const offered = property(terms.offer, "golem.runtime.name");
  if (offered) names.push(offered);
  const { constraints } = terms;
  if (constraints && !isNothing(constraints.value)) {
    if (!isText(constraints.value)) refuse(constraints.at, "no text");
    for (const value of namesIn(constraints.value))
      names.push({ value, at: constraints.at });
  }
  let family = null;
  for (const { value, at } of names) {
    if (!isText(value) || !Object.hasOwn(FAMILIES, value)) refuse(at, "no runtime");
    if (family && FAMILIES[value] !== family) refuse(at, "another family");
    family = FAMILIES[value];
  }
  return family ?? refuse(runtime.at, "no runtime");
}

/** Names in `(golem.runtime.name=NAME)` under no `|` and no `!`. */
function namesIn(text) {
  const found = [];
  const open = [];
  let words = "";
  for (const character of text) {
    if (character === "(") {
      if (open.length) open[open.length - 1] ||= /[|!]/.test(words);
      open.push(open.at(-1) ?? false);
      words = "";
    } else if (character === ")") {
      const match = /^\s*golem\.runtime\.name\s*=([^*]*)$/.exec(words);
      if (match && open.at(-1) === false) found.push(trim(match[1]));
      open.pop();
      words = "";
    } else words += character;
  }
  return found;
}

// Package

/** {bits, hex} of `hash:sha3:HEX:URL`. */
function hashed(text, at) {
  const match = /^hash:(?:\/\/)?([^:]*):(?:0x)?([0-9a-fA-F]+):(.+)$/is.exec(trim(text));
  if (!match || match[1] !== "sha3") refuse(at, "no hash of sha3");
  const bits = SHA3_BITS[match[2].length] ?? refuse(at, "a hash of another length");
  return { bits, hex: lower(match[2]), url: match[3] };
}

function readPackage(task, family, terms, done) {
  task.kind = family === "vm" ? "gvmi" : "wasi";
  const found = packageOf(task, family, terms);
  if (!found.text) return;
  const { bits, hex } = hashed(found.text, found.at);
  const reference = `golem:sha3-${bits}:${hex}`;
  const meaning = task.resolutions.get(reference);
  if (meaning) task.resolutions.replaces(reference);
  if (family === "vm") ofVm(task, found.at, meaning, rawOfSha3(bits, fromHex(hex)));
  else ofWasmtime(task, found.at, meaning, reference, done);
}

function ofVm(task, at, meaning, cid) {
  if (!meaning) {
    task.program = { kind: "gvmi", code: task.resolutions.rekey(cid) };
    return;
  }
  if (meaning.kind !== "oci") refuse(at, "a package of vm is no module");
  task.kind = "oci";
  task.program = { kind: "oci", code: meaning.cid };
  task.warn("digest-may-be-an-index", at);
}

function ofWasmtime(task, at, meaning, reference, { steps }) {
  if (meaning?.kind === "oci") refuse(at, "a package of wasmtime is no image");
  if (!meaning) {
    task.unresolved("golem-package", at, reference);
    return;
  }
  const entries = [...new Set(steps.filter((one) => one.run).map((one) => one.entry))];
  if (entries.length === 0) return;
  const codes = meaning.entries
    ? entries.map((entry) => meaning.entries.get(entry))
    : entries.length === 1
      ? [meaning.code]
      : [undefined];
  if (codes.includes(undefined)) {
    task.unresolved("golem-entry", at, reference);
    return;
  }
  if (new Set(codes.map((code) => code.text)).size > 1) {
    task.unresolved("many-programs", at, reference);
    return;
  }
  task.program = { kind: "wasi", code: codes[0], entry: "_start" };
}

/** {text, at}; without text where there is a finding instead. */
function packageOf(task, family, terms) {
  const { properties } = terms;
  const nested = [...properties].find(([name]) =>
    name.startsWith(`${PAYLOAD}.payload`),
  );
  if (nested) refuse(nested[1].at, "a manifest in nested form");
  const manifest = property(properties, PAYLOAD);
  if (manifest) return ofManifest(task, manifest, terms);
  task.warn("network-by-default", terms.at);
  const names = ["golem.srv.comp.task_package"];
  if (family === "wasmtime") names.push("golem.srv.comp.wasm.task_package");
  for (const name of names) {
    const field = property(properties, name);
    if (field) return { text: field.value, at: field.at };
  }
  for (const name of ["image_tag", "imageTag"]) {
    const field = property(properties, name);
    if (!field) continue;
    task.unresolved("image-tag", field.at, `golem-tag:${field.value}`);
    return { at: field.at };
  }
  return refuse(terms.at, "no package");
}

function parseText(text, at) {
  try {
    return placed(at, () => parseJson(text));
  } catch (error) {
    if (error instanceof NotJson) refuse(at, "no JSON");
    error.at = at;
    throw error;
  }
}

function manifestTree({ value, at }) {
  const bytes = fromBase64(unspaced(value));
  const text = bytes && fromUtf8(bytes);
  if (text) {
    try {
      const tree = parseJson(text);
      if (isMap(tree)) return tree;
    } catch (error) {
      if (!(error instanceof NotJson)) refuse(at, error.message);
    }
  }
  const first = trim(value).startsWith('"') ? parseText(value, at) : value;
  const tree = isText(first) ? parseText(first, at) : first;
  return isMap(tree) ? tree : refuse(at, "no manifest");
}

function ofManifest(task, field, { offer }) {
  const tree = manifestTree(field);
  networkOf(task, tree, field.at);
  const list = tree.get("payload");
  const place = below(field.at, "payload");
  if (!Array.isArray(list)) refuse(place, "no list");
  const told = property(offer, "golem.inf.cpu.architecture");
  const provider = { arch: told?.value ?? "x86_64", os: "linux" };
  const isOf = (platform) =>
    isNothing(platform) ||
    (platform.get("arch") === provider.arch && platform.get("os") === provider.os);
  let found = null;
  let others = false;
  list.forEach((entry, i) => {
    const at = below(place, i);
    if (!isMap(entry)) refuse(at, "no map");
    const platform = entry.get("platform");
    if (!isNothing(platform) && !isMap(platform))
      refuse(below(at, "platform"), "no map");
    if (!isOf(platform)) others = true;
    else if (!isEmpty(entry.get("urls")) && !isEmpty(entry.get("hash"))) {
      found ??= { entry, at };
    }
  });
  if (!found) refuse(place, "no payload for the provider");
  if (!told && others) task.warn("platform-assumed", place);
  const [hash, urls] = [found.entry.get("hash"), found.entry.get("urls")];
  const at = below(found.at, "hash");
  if (!isText(hash)) refuse(at, "no text");
  if (!Array.isArray(urls) || !isText(urls[0]))
    refuse(below(found.at, "urls"), "no URL");
  return { text: `hash:${hash}:${urls[0]}`, at };
}

function networkOf(task, tree, at) {
  let value = tree;
  let place = at;
  for (const name of ["compManifest", "net", "inet", "out"]) {
    if (!isNothing(value) && !isMap(value)) refuse(place, "no map");
    value = value?.get(name);
    place = below(place, name);
  }
  if (isNothing(value)) task.warn("network-by-default", place);
  else task.impure("network", place);
}

// Script

const NEEDS = {
  deploy: "initialized",
  start: "deployed",
  run: "ready",
  transfer: "ready",
};
const LEAVES = { deploy: "deployed", start: "ready", run: "ready", transfer: "ready" };

class Script {
  state = "initialized";
  steps = [];
  broken = false;

  constructor(task, contents, family) {
    Object.assign(this, { task, contents, family });
  }

  read(field) {
    const { list, at } = this.commands(field);
    list.forEach((command, i) => this.command(command, below(at, i)));
    const hasRun = this.steps.some((step) => step.run);
    if (!hasRun && !this.task.impureFindings.length) refuse(field.at, "no run");
    return this;
  }

  commands({ value, at }) {
    if (isMap(value)) {
      const fields = closed(value, at);
      const text = fields.get("text");
      fields.refuseOthers();
      if (!isText(text.value)) refuse(text.at, "no text");
      return this.commands(text);
    }
    const list = isText(value) ? parseText(value, at) : value;
    return Array.isArray(list) ? { list, at } : refuse(at, "no list");
  }

  command(command, at) {
    if (!isMap(command) || command.size !== 1) refuse(at, "no command");
    const [[name, body]] = command;
    const read = COMMANDS[Object.hasOwn(COMMANDS, name) ? name : ""];
    if (!read) refuse(at, "no such command");
    this.enter(name, at);
    const place = below(at, name);
    const fields = closed(isEmpty(body) ? new Map() : body, place);
    read.call(this, fields, place);
    for (const other of fields.others) this.task.warn("ignored-field", other);
  }

  enter(name, at) {
    const needs = NEEDS[name];
    if (needs && this.state !== needs) {
      if (this.state !== "initialized") refuse(at, "a command in another state");
      const id = this.task.aliases["golem-activity"];
      const reference = id ? `golem-activity:${id}` : "golem-activity";
      this.task.unresolved("earlier-batch", at, reference);
      this.broken = true;
    }
    if (name === "terminate") this.state = "terminated";
    else this.state = LEAVES[name] ?? this.state;
  }

  dropEnv(fields) {
    const env = fields.get("env");
    if (!env.empty) this.task.warn("env-dropped", env.at);
  }

  deploy(fields) {
    const volumes = fields.get("volumes");
    const [net, hosts] = [fields.get("net"), fields.get("hosts")];
    if (!net.empty && !Array.isArray(net.value)) refuse(net.at, "no list");
    if (!hosts.empty && !isMap(hosts.value)) refuse(hosts.at, "no map");
    for (const asked of [net, hosts]) {
      if (!asked.empty) this.task.impure("network", asked.at);
    }
    fields.drop("hostname", "progress");
    this.dropEnv(fields);
    if (volumes.empty) return;
    for (const [path, at] of volumePaths(volumes)) this.task.dirs.add(clean(path, at));
  }

  start(fields) {
    const args = fields.get("args");
    const list = argsOf(args);
    if (list.length === 0) return;
    list.forEach((one, i) => {
      const at = below(args.at, i);
      if (one !== "start-entrypoint") refuse(at, "no argument of start");
      this.task.impure("start-entrypoint", at);
    });
    this.broken = true;
  }

  run(fields) {
    const entry = fields.get("entry_point");
    const args = fields.get("args");
    fields.drop("capture");
    this.dropEnv(fields);
    checkText(entry.value, entry.at);
    if (entry.value === "") refuse(entry.at, "no entry point");
    const list = argsOf(args).map((text, i) => checkText(text, below(args.at, i)));
    const run = this.family === "vm" ? [entry.value, ...list] : list;
    this.steps.push({ run, entry: entry.value });
  }

  transfer(fields, at) {
    const [from, to] = [fields.get("from"), fields.get("to")];
    const options = ["format", "depth", "fileset"].map((name) => fields.get(name));
    fields.drop("progress");
    const [source, target] = [sourceOf(from), endOf(to)];
    if (source.path && target.path) {
      this.task.impure("container-transfer", at);
      this.broken = true;
      return;
    }
    if (source.path) return;
    if (!target.path) refuse(at, "from outside to outside");
    if (target.path === "/") refuse(to.at, "the root");
    const option = options.find(({ value }) => !isNothing(value));
    if (option) {
      const reference = this.contents.reference(source.text, from.at);
      this.task.unresolved("archive", option.at, reference);
      this.broken = true;
      return;
    }
    this.put(target.path, this.contents.of(source.text, from.at), to.at);
  }

  put(path, cid, at) {
    let step = this.steps.at(-1);
    if (!step?.put) {
      step = { put: new Map() };
      this.steps.push(step);
    }
    if (step.put.has(path)) refuse(at, "two files at one path");
    step.put.set(path, cid);
    if (!cid) this.broken = true;
  }
}

const COMMANDS = {
  deploy: Script.prototype.deploy,
  start: Script.prototype.start,
  run: Script.prototype.run,
  transfer: Script.prototype.transfer,
  sign: () => {},
  terminate: () => {},
};

function argsOf({ value, at }) {
  if (isNothing(value)) return [];
  return Array.isArray(value) ? value : refuse(at, "no list");
}

function volumePaths({ value, at }) {
  if (Array.isArray(value)) {
    return value.map((path, i) => {
      const place = below(at, i);
      return isText(path) ? [path, place] : refuse(place, "no path");
    });
  }
  if (!isMap(value)) refuse(at, "neither a list nor a map");
  return [...value].map(([path, kind]) => {
    const place = below(at, path);
    const name = isMap(kind) && kind.size === 1 ? [...kind.keys()][0] : kind;
    if (!["host", "ram", "storage"].includes(name)) refuse(place, "no volume");
    return [path, place];
  });
}

/** Of a hashed source its URL decides where it is. */
function sourceOf({ value, at }) {
  if (!isText(value) || !/^hash:/i.test(trim(value))) return endOf({ value, at });
  const { path } = endOf({ value: hashed(value, at).url, at });
  return path ? { path } : { text: trim(value) };
}

/** {path} in the container, or {text} outside. */
function endOf({ value, at }) {
  if (!isText(value)) refuse(at, "no text");
  const text = trim(value);
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(text)?.[1];
  if (scheme !== undefined && lower(scheme) !== "container") return { text };
  const rest = scheme === undefined ? text : text.slice(scheme.length + 1);
  if (rest === "" || /[?#\0-\x1f]/.test(rest) || /^\/\/(?!\/)/.test(rest)) {
    refuse(at, "no path in the container");
  }
  const path = fromUtf8(percentDecode(rest)) ?? refuse(at, "a path that is not UTF-8");
  return { path: clean(path, at) };
}

// Contents

class Contents {
  #table = new Map();
  #used = new Set();

  constructor(task, { value, at, empty }) {
    this.task = task;
    if (empty) return;
    if (!isMap(value)) refuse(at, "no map");
    for (const [key, text] of value) {
      const place = below(at, key);
      if (/^hash:/i.test(key)) refuse(place, "a key that begins with hash:");
      const isGftp = /^gftp:/i.test(key);
      const url = isGftp ? this.normal(key, place) : placed(place, () => normalUrl(key));
      if (this.#table.has(url)) refuse(place, "two keys of one spelling");
      this.#table.set(url, { found: stated(text, place), at: place });
    }
  }

  normal(text, at) {
    const scheme = lower(/^([A-Za-z][A-Za-z0-9+.-]*):/.exec(text)?.[1] ?? "");
    if (scheme === "gftp") return placed(at, () => limited(`gftp${text.slice(4)}`));
    if (scheme !== "http" && scheme !== "https") refuse(at, "a scheme of no use");
    return placed(at, () => normalUrl(text));
  }

  /** What an archive is called: the URL, or the CID of its hash. */
  reference(text, at) {
    if (/^hash:/i.test(text)) return `ipfs:${this.ofHash(text, at)}`;
    const url = this.normal(text, at);
    if (this.#table.has(url)) this.#used.add(url);
    return url;
  }

  ofHash(text, at) {
    const { bits, hex } = hashed(text, at);
    return rawOfSha3(bits, fromHex(hex));
  }

  of(text, at) {
    const { resolutions } = this.task;
    if (/^hash:/i.test(text)) return resolutions.rekey(this.ofHash(text, at));
    const url = this.normal(text, at);
    const known = placed(at, () => gateway(text));
    if (known) return ofReference(this.task, known, at);
    const entry = this.#table.get(url);
    if (entry) {
      this.#used.add(url);
      return resolutions.rekey(entry.found.cid);
    }
    const meaning = resolutions.get(url);
    if (meaning) return meaning.cid;
    this.task.unresolved(url.startsWith("gftp:") ? "gftp" : "url", at, url);
    if (!url.startsWith("gftp:") && looksLikeGateway(url)) {
      this.task.warn("gateway-of-unknown-host", at);
    }
    return null;
  }

  warnUnused() {
    for (const [url, { at }] of this.#table) {
      if (!this.#used.has(url)) this.task.warn("unused-input", at);
    }
  }
}

function stated(text, at) {
  if (!isText(text)) refuse(at, "no CID");
  const found = placed(at, () => ipfsReference(text) ?? bareCid(text));
  if (found?.kind !== "cid") refuse(at, "no content");
  return found;
}

// Input

function readInput(task, family, { steps, broken }) {
  const runs = steps.filter((step) => step.run);
  if (broken || runs.length === 0) return;
  if (runs.length === 1 && steps.at(-1).run) {
    const [put] = steps.filter((step) => step.put);
    const name = family === "vm" ? "argv" : "args";
    task.input = { files: put?.put, [name]: steps.at(-1).run };
    return;
  }
  const list = steps.map(
    ({ put, run }) => new Map([put ? ["put", put] : ["run", run]]),
  );
  task.input = { steps: list };
}
