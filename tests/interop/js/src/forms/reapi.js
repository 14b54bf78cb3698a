/** Remote Execution API: actions, forms/reapi.md. */
import { createHash } from "node:crypto";
import { compareText, fromBase64, fromHex, toBase64 } from "../bytes.js";
import { rawBy } from "../cid.js";
import { isBare, ofImage } from "../contents.js";
import { placed, refuse } from "../errors.js";
import { clean } from "../paths.js";
import { readMessage } from "../protobuf.js";
import { Task } from "../task.js";
import { below, isMap, isText, isTree } from "../tree.js";
import { Fields } from "./fields.js";

const ROOT = "/input-root";
const EXECUTABLE_ROOT = "/input-root+x";
const WORKER_IMAGE = "worker.invalid/reapi";
const TREE_ENTRIES_MAX = 65536;
const FUNCTIONS = { 64: "sha256", 96: "sha384", 128: "sha512" };

const FLAG = ["", "false"];
const ALTERING = {
  "extra-args": [""],
  "env-overrides": [""],
  "env-overrides-base64": [""],
  "secret-env-overrides": [""],
  "secret-env-overrides-base64": [""],
  "include-secrets": FLAG,
  dockerchrootpath: [""],
  "preserve-workspace": FLAG,
  dockersiblingcontainers: FLAG,
  "workload-isolation-type": ["", "docker", "podman", "oci", "firecracker"],
  dockeruser: [""],
  dockerrunasroot: FLAG,
  dockerprivileged: FLAG,
  dockeraddcapabilities: [""],
  "init-dockerd": FLAG,
  "enable-dockerd-tcp": FLAG,
  network: ["", "off", "none"],
};
const EXACT = ["container-image", "dockerNetwork"];

export const network = "reapi";

export function marks({ syntax, tree }) {
  return isTree({ syntax }) && isMap(tree) && tree.has("action") && tree.has("command");
}

export function read({ tree }, resolutions) {
  const task = new Task(network, resolutions());
  task.form = "action";
  task.kind = "oci";
  const fields = new Fields(tree, "", { folds: false });
  const [first, second] = [fields.get("action"), fields.get("command")];
  const list = fields.get("directories");
  fields.refuseOthers();
  const bytes = bytesOf(first);
  const action = message("Action", bytes, "/action");
  const named = digestOf(action.command_digest, "/action/command_digest");
  const run = bytesOf(second);
  if (nameOf(run, named.hash) !== named.name) refuse("/command", "another digest");
  const command = message("Command", run, "/command");
  const blobs = new Blobs(named.hash, list);
  task.aliases["reapi-action"] = nameOf(bytes, named.hash);
  const isWhole = readPlatform(task, action, command);
  const isAltered = leaveAltering(task, { action, command });
  readRun(task, action, command, blobs);
  if (isAltered || !isWhole) task.input = null;
  return [task];
}

function bytesOf({ value, at }) {
  const bytes = isText(value) ? fromBase64(value) : null;
  const plain = bytes && toBase64(bytes);
  if (plain !== value?.replace?.(/=+$/, "") || bytes === null) refuse(at, "no base64");
  return bytes;
}

const message = (name, bytes, at) => placed(at, () => readMessage(name, bytes));

const nameOf = (bytes, hash) =>
  `${createHash(hash).update(bytes).digest("hex")}/${bytes.length}`;

/** {name, hash, digest}; of the function that is known already. */
function digestOf(digest, at, known = null) {
  if (!digest) refuse(at, "no digest");
  const hash = FUNCTIONS[digest.hash.length];
  if (!hash || !/^[0-9a-f]*$/.test(digest.hash)) refuse(at, "no hash of use");
  if (known && hash !== known) refuse(at, "another function");
  const size = digest.size_bytes;
  const isEmpty = `${digest.hash}/0` === nameOf(new Uint8Array(), hash);
  if (size < 0n || (size === 0n) !== isEmpty) refuse(at, "no size of it");
  return { name: `${digest.hash}/${size}`, hash, digest: fromHex(digest.hash) };
}

// Platform

function valuesOf(platform, at, name) {
  return (platform?.properties ?? [])
    .map((pair, i) => ({ ...pair, at: below(at, "properties", i, "value") }))
    .filter((pair) => pair.name === name);
}

/** Whether the arguments are known to be all that the image is given. */
function readPlatform(task, action, command) {
  const [newer, older] = [action.platform, command.platform];
  const at = !newer && older ? "/command/platform" : "/action/platform";
  const platform = newer ?? older;
  const images = valuesOf(platform, at, "container-image");
  const stated = valuesOf(platform, at, "dockerNetwork");
  if (newer && older) {
    const text = (list) => JSON.stringify(list.map(({ value }) => value));
    if (
      text(images) !== text(valuesOf(older, at, "container-image")) ||
      text(stated) !== text(valuesOf(older, at, "dockerNetwork"))
    ) {
      refuse("/command/platform", "another image or network than the action's");
    }
  }
  for (const one of stated) if (one.value !== "off") task.impure("network", one.at);
  if (stated.length === 0) task.warn("network-by-default", at);
  if (images.length > 1) refuse(images[1].at, "a second image");
  const image = images[0] ?? { value: WORKER_IMAGE, at };
  const found = ofImage(task, image.value, image.at);
  if (!found.cid) return false;
  task.program = { kind: "oci", code: found.cid };
  return isBare(task, image.value, found, image.at);
}

function alters(name, value) {
  const lower = name.toLowerCase();
  if (EXACT.some((one) => one.toLowerCase() === lower)) return !EXACT.includes(name);
  return Object.hasOwn(ALTERING, lower) && !ALTERING[lower].includes(value.toLowerCase());
}

function leaveAltering(task, messages) {
  let found = false;
  for (const [of, { platform }] of Object.entries(messages)) {
    (platform?.properties ?? []).forEach(({ name, value }, i) => {
      if (!alters(name, value)) return;
      const at = below(`/${of}/platform`, "properties", i, "value");
      task.unresolved("platform-property", at, name);
      found = true;
    });
  }
  return found;
}

// Input

/** Relative to the input root: "" for it, else with a leading `/`. */
function inside(text, at, base = "") {
  if (text.startsWith("/")) refuse(at, "no relative path");
  return clean(`${base}/${text}`, at).replace(/\/$/, "");
}

function environment({ environment_variables: list }) {
  const env = new Map();
  let last = null;
  list.forEach(({ name, value }, i) => {
    const at = `/command/environment_variables/${i}`;
    if (last !== null && compareText(name, last) <= 0) refuse(at, "no order");
    env.set((last = name), value);
  });
  return env;
}

function readRun(task, action, command, blobs) {
  const argv = command.arguments;
  if (!argv.length || argv[0] === "") refuse("/command/arguments", "no command");
  const working = inside(command.working_directory, "/command/working_directory");
  const tree = new Walk(task, blobs, working);
  tree.walk(action.input_root_digest);
  tree.judgeModes(executedFile(working, argv[0]));
  if (!tree.missing && !tree.directories.has(working)) {
    refuse("/command/working_directory", "a directory that is not there");
  }
  const root = tree.allExecutable ? EXECUTABLE_ROOT : ROOT;
  const input = {
    argv,
    env: environment(command),
    cwd: root + working,
    files: new Map([...tree.files].map(([path, cid]) => [root + path, cid])),
  };
  task.checkKnown(input, "/command");
  if (tree.complete) task.input = input;
  for (const path of outputs(command, working)) {
    const above = path.slice(0, Math.max(path.lastIndexOf("/"), 0));
    if (above && !tree.directories.has(above)) task.dirs.add(root + above);
  }
  if (!tree.missing) blobs.refuseUnused();
}

function outputs(command, working) {
  const names = command.output_paths.length
    ? ["output_paths"]
    : ["output_files", "output_directories"];
  return names.flatMap((name) =>
    command[name].map((text, i) => inside(text, `/command/${name}/${i}`, working)),
  );
}

function executedFile(working, name) {
  if (!name.includes("/") || name.startsWith("/")) return null;
  try {
    return clean(`${working}/${name}`, "");
  } catch {
    return null;
  }
}

// Tree

class Blobs {
  #given = new Map();
  #read = new Map();

  constructor(hash, { value, at, empty }) {
    this.hash = hash;
    if (empty) return;
    if (!Array.isArray(value)) refuse(at, "no list");
    value.forEach((text, i) => {
      const place = below(at, i);
      const bytes = bytesOf({ value: text, at: place });
      const name = nameOf(bytes, hash);
      if (this.#given.has(name)) refuse(place, "a directory twice");
      this.#given.set(name, { bytes, at: place });
    });
  }

  find(name, at) {
    if (!this.#read.has(name)) {
      const empty = { bytes: new Uint8Array(), at };
      const given = this.#given.get(name) ?? (name.endsWith("/0") ? empty : null);
      if (!given) return null;
      const directory = message("Directory", given.bytes, given.at);
      checkNames(directory, given.at);
      this.#read.set(name, { directory, at: given.at });
    }
    return this.#read.get(name);
  }

  refuseUnused() {
    for (const [name, { at }] of this.#given) {
      if (!this.#read.has(name)) refuse(at, "a directory that nothing names");
    }
  }
}

function checkNames(directory, place) {
  const seen = new Set();
  for (const kind of ["files", "directories", "symlinks"]) {
    let last = "";
    directory[kind].forEach(({ name }, i) => {
      const at = below(place, kind, i, "name");
      if (["", ".", ".."].includes(name) || /[/\0]/.test(name)) refuse(at, "no name");
      if (compareText(name, last) <= 0 || seen.has(name)) refuse(at, "no order");
      seen.add((last = name));
    });
  }
}

class Walk {
  files = new Map();
  directories = new Set();
  complete = true;
  missing = false;
  allExecutable = false;
  #entries = 0;
  #modes = [];

  constructor(task, blobs, working) {
    this.task = task;
    this.blobs = blobs;
    this.working = working;
  }

  walk(root) {
    const open = [{ path: "", digest: root, at: "/action/input_root_digest" }];
    while (open.length) {
      const { path, digest, at } = open.pop();
      const { name } = digestOf(digest, at, this.blobs.hash);
      const found = this.blobs.find(name, at);
      if (!found) {
        this.task.unresolved("missing-directory", at, name);
        this.missing = true;
        this.complete = false;
        continue;
      }
      this.directories.add(path);
      open.push(...this.#read(path, found).reverse());
    }
  }

  #read(path, { directory, at }) {
    const { files, directories, symlinks } = directory;
    this.#properties(directory, path, at);
    this.#entries += files.length + directories.length + symlinks.length;
    if (this.#entries > TREE_ENTRIES_MAX) refuse(at, "too many entries");
    const join = (kind, i, { name }) =>
      clean(`${path}/${name}`, below(at, kind, i, "name"));
    files.forEach((item, i) => {
      const place = below(at, "files", i);
      const file = join("files", i, item);
      const { hash, digest } = digestOf(item.digest, below(place, "digest"), this.blobs.hash);
      this.files.set(file, this.task.resolutions.rekey(rawBy(hash, digest)));
      this.#modes.push({ path: file, executable: item.is_executable, at: place });
      this.#properties(item, file, place);
    });
    symlinks.forEach((item, i) =>
      this.#shape(below(at, "symlinks", i), join("symlinks", i, item)),
    );
    const onTheWay = `${this.working}/`.startsWith(`${path}/`);
    if (!files.length && !directories.length && !symlinks.length && !onTheWay) {
      this.#shape(at, path);
    }
    return directories.map((item, i) => ({
      path: join("directories", i, item),
      digest: item.digest,
      at: below(at, "directories", i, "digest"),
    }));
  }

  #properties({ node_properties: properties }, path, at) {
    if (properties) this.#shape(below(at, "node_properties"), path);
  }

  #shape(at, path) {
    this.task.unresolved("tree-shape", at, path || "/");
    this.complete = false;
  }

  judgeModes(executed) {
    const odd = this.#modes.filter(
      ({ path, executable }) => executable !== (path === executed),
    );
    if (odd.length === 0) return;
    if (this.#modes.every(({ executable }) => executable)) this.allExecutable = true;
    else for (const { at, path } of odd) this.#shape(at, path);
  }
}
