/** Bacalhau: models.Job, forms/bacalhau-job.md. */
import { fold, lower, trim, trimUnicode } from "../bytes.js";
import { refuse } from "../errors.js";
import { clean, liesBelow } from "../paths.js";
import { Task } from "../task.js";
import { isEmpty, isMap, isText, isTree } from "../tree.js";
import * as shared from "./bacalhau.js";
import { Fields } from "./fields.js";
import { due, literal, PARAMETERS, readSource, text } from "./storage.js";

const COUNT_MAX = 10000n;
const PARTITIONS_BYTES_MAX = 67108864;

export const network = "bacalhau";

export function marks({ syntax, tree }) {
  if (!isTree({ syntax }) || !isMap(tree)) return false;
  const job = peek(tree, "Job");
  const tasks = peek(isMap(job) ? job : tree, "Tasks");
  return (
    Array.isArray(tasks) && isMap(tasks[0]) && peek(tasks[0], "Engine") !== undefined
  );
}

/** A field by its folded name, without judging the map. */
export function peek(map, name) {
  const key = [...map.keys()].find((one) => fold(one) === fold(name));
  return key === undefined ? undefined : map.get(key);
}

export function read({ tree }, resolutions) {
  const task = new Task(network, resolutions());
  const { job } = shared.jobOf(tree, "Tasks");
  const type = job.get("Type");
  const kind = shared.word(type) || "batch";
  if (["ops", "daemon", "service"].includes(kind)) task.impure("job-type", type.at);
  else if (kind !== "batch") refuse(type.at, "no type of a job");
  const count = countOf(job.get("Count"));
  const id = text(job.get("ID"));
  if (id) task.aliases["bacalhau-job"] = id;
  job.drop("Name", "Namespace", "Priority", "Constraints", "Meta", "Labels", "State");
  job.drop("Version", "Revision", "CreateTime", "ModifyTime");
  const tasks = job.get("Tasks");
  const list = shared.elements(tasks);
  if (list.length !== 1) refuse(tasks.at, "not exactly one task");
  job.ignoreOthers(task);
  readTask(task, list[0]);
  return partitions(task, count, job.get("Count").at);
}

function countOf({ value, at, empty }) {
  if (empty) return 1;
  if (typeof value !== "bigint" || value < 0n || value > COUNT_MAX) {
    refuse(at, "no count");
  }
  return Number(value) || 1;
}

function partitions(task, count, at) {
  if (count === 1) return [task];
  const size = task.result().input?.bytes.length ?? 0;
  task.done = undefined;
  if (count * size > PARTITIONS_BYTES_MAX) refuse(at, "too much in all partitions");
  return Array.from({ length: count }, (_, i) => {
    const one = Object.assign(Object.create(Object.getPrototypeOf(task)), task);
    if (task.input) {
      const env = new Map(task.input.env);
      env.set("BACALHAU_PARTITION_INDEX", String(i));
      env.set("BACALHAU_PARTITION_COUNT", String(count));
      one.input = { ...task.input, env };
    }
    return one;
  });
}

function readTask(task, fields) {
  const engine = shared.mapOf(fields.get("Engine"));
  const type = engine.get("Type");
  const name = lower(trim(due(type)));
  if (!["docker", "wasm"].includes(name)) refuse(type.at, "no engine of this type");
  const params = shared.mapOf(engine.get("Params"));
  engine.ignoreOthers(task);
  const envField = fields.get("Env");
  const env = shared.envOfMap(task, envField);
  const entry = name === "wasm" ? params.get("EntryModule") : { empty: true };
  const isUpTo16 = !entry.empty && !isText(entry.value);
  const sources = shared.elements(fields.get("InputSources"));
  const results = fields.get("ResultPaths");
  shared.network(task, fields.get("Network"));
  fields.drop("Name", "Publisher", "Meta", "Resources", "Timeouts");
  fields.ignoreOthers(task);
  const landings = shared.landed(
    sources.map((source) => {
      const alias = source.get("Alias");
      if (isUpTo16 && !alias.empty) task.warn("version-dependent", alias.at);
      return readInputSource(task, source, trimmed(source.get("Target")));
    }),
  );
  shared.outputs(
    task,
    results,
    ...(name === "docker" ? ["Path", "Name"] : ["Name", "Path"]),
  );
  if (name === "docker") docker(task, params, env, landings);
  else wasm(task, params, { env, at: envField.at }, landings);
}

const trimmed = ({ value, at }) => {
  const text = isText(value) ? trimUnicode(value) : value;
  return { value: text, at, empty: isEmpty(text) };
};

/** `Source {Type, Params}`, and what of it no type reads. */
function readInputSource(task, source, target) {
  const inner = shared.mapOf(source.get("Source"));
  const type = inner.get("Type");
  const params = shared.mapOf(inner.get("Params"));
  source.ignoreOthers(task);
  inner.ignoreOthers(task);
  const found = readSource(task, {
    type: due(type),
    typeAt: type.at,
    target,
    params,
    s3: params,
    checksum: "ChecksumSHA256",
    landing: "below",
  });
  params.drop(...(PARAMETERS[lower(trim(text(type)))] ?? []));
  params.ignoreOthers(task);
  return found;
}

function docker(task, params, env, landings) {
  task.form = "models.Job docker";
  const ofEngine = shared.envOfList(task, params.get("EnvironmentVariables"));
  shared.docker(task, {
    clears: true,
    image: params.get("Image"),
    entrypoint: params.get("Entrypoint"),
    parameters: params.get("Parameters"),
    cwd: params.get("WorkingDirectory"),
    env: shared.mergedEnv(task, env, ofEngine),
    landings,
  });
  params.ignoreOthers(task);
}

function wasm(task, params, { env, at }, landings) {
  const main = params.get("EntryModule");
  if (main.empty) refuse(main.at, "no module");
  const parts = {
    entry: params.get("Entrypoint"),
    parameters: params.get("Parameters"),
  };
  const modules = params.get("ImportModules");
  if (isText(main.value)) {
    task.form = "models.Job wasm v1.7";
    const files = new Map(landings.files);
    const code = (field) => moduleAt(task, field, landings, files);
    Object.assign(parts, { main: code(main).code });
    parts.imports = shared.listOf(modules).map(code);
    landings = { ...landings, files };
    parts.env = shared.mergedEnv(task, env, []);
  } else {
    task.form = "models.Job wasm v1.1";
    const code = (field) => moduleOf(task, field);
    parts.main = code(main).code;
    parts.imports = shared.listOf(modules).map((field) => withAlias(task, field));
    const ofEngine = shared.envOfMap(task, params.get("EnvironmentVariables"));
    parts.env = envOfTwo(task, env, ofEngine, at);
  }
  params.ignoreOthers(task);
  shared.wasm(task, { ...parts, landings });
}

/** Up to v1.6 the engine's variables; the task's are none or the same. */
function envOfTwo(task, ofTask, ofEngine, at) {
  const own = shared.mergedEnv(task, ofTask, []);
  const engine = shared.mergedEnv(task, [], ofEngine);
  if (own === null || engine === null) return null;
  const isSame =
    own.size === engine.size &&
    [...own].every(([name, value]) => engine.get(name) === value);
  if (own.size && !isSame) refuse(at, "variables that differ from the engine's");
  return engine;
}

/** From v1.7: {code: cid | null, name: path | null}. */
function moduleAt(task, { value, at }, { files: all, placed }, left) {
  if (!isText(value) || value === "") refuse(at, "no path of a module");
  const written = literal(task, value, at);
  if (written === null) return { code: null, name: null };
  const path = clean(written, at);
  const files = [...all.keys()];
  const found = modulesAt(path, files);
  if (found.length > 1 || (!found.length && placed)) refuse(at, "no one module there");
  if (!found.length) return { code: null, name: path };
  left.delete(found[0]);
  return { code: all.get(found[0]), name: path };
}

function modulesAt(path, files) {
  const isFolder = (top) => files.some((file) => liesBelow(file, top));
  if (!isFolder(path)) return files.filter((file) => file === path);
  const start = path === "/" ? path : `${path}/`;
  return files.filter(
    (file) =>
      file.startsWith(start) &&
      !file.slice(start.length).includes("/") &&
      file.endsWith(".wasm") &&
      !isFolder(file),
  );
}

/** Up to v1.6: an input source by itself. */
function moduleOf(task, { value, at }) {
  const fields = new Fields(value, at, { folds: true });
  fields.drop("Alias", "Target");
  return { code: readInputSource(task, fields, null).cid };
}

function withAlias(task, { value, at }) {
  if (!isMap(value) || value.size === 0) refuse(at, "no module");
  const alias = new Fields(value, at, { folds: true }).get("Alias");
  const name = alias.empty ? "" : literal(task, text(alias), alias.at);
  return { ...moduleOf(task, { value, at }), name };
}
