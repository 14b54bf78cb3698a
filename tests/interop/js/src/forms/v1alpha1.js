/** Bacalhau: v1alpha1, forms/bacalhau-v1alpha1.md. */
import { lower, trim } from "../bytes.js";
import { refuse } from "../errors.js";
import { Task } from "../task.js";
import { isEmpty, isMap, isText, isTree } from "../tree.js";
import * as shared from "./bacalhau.js";
import { peek } from "./models-job.js";
import { literal, readSource, text } from "./storage.js";

const LAYOUTS = ["job_spec_docker", "JobSpecDocker", "Spec"];
const ENGINES = ["noop", "docker", "wasm", "language", "pythonwasm"];
const SOURCES = ["ipfs", "urldownload", "filecoinunsealed", "filecoin", "estuary"];

export const network = "bacalhau";

export function marks({ syntax, tree }) {
  if (!isTree({ syntax }) || !isMap(tree)) return false;
  const inner = peek(tree, "Job");
  const job = isMap(inner) ? inner : tree;
  const version = ["APIVersion", "JobAPIVersion"]
    .map((name) => peek(job, name))
    .find((value) => !isEmpty(value));
  if (version !== undefined) {
    return isText(version) && lower(trim(version)) === "v1alpha1";
  }
  return LAYOUTS.slice(0, 2).some((name) => isMap(peek(job, name)));
}

export function read({ tree }, resolutions) {
  const task = new Task(network, resolutions());
  const { job } = shared.jobOf(tree, "Spec");
  const layouts = LAYOUTS.map((name) => job.get(name)).filter(({ empty }) => !empty);
  if (layouts.length !== 1) refuse(layouts[1]?.at ?? "", "not exactly one layout");
  const isNested = layouts[0].at === job.get("Spec").at;
  const id = text(job.get("ID"));
  if (id) task.aliases["bacalhau-job"] = id;
  job.drop("APIVersion", "JobAPIVersion", "Deal", "ClientID", "CreatedAt");
  job.drop("RequesterNodeID", "RequesterPublicKey", "ExecutionPlan", "JobState");
  job.drop("JobEvents", "JobLocalEvents", "LocalJobEvents");
  const spec = isNested ? shared.mapOf(layouts[0]) : job;
  const layout = isNested
    ? "V1alpha1"
    : `v1alpha1 ${lower(layouts[0].at).endsWith("job_spec_docker") ? "snake_case" : "PascalCase"}`;
  readSpec(task, spec, { isNested, layout });
  if (isNested) job.ignoreOthers(task);
  return [task];
}

/** A number from 1 or a name; all places that say something agree. */
function enumeration(fields, names, table) {
  let found = null;
  for (const name of names) {
    const { value, at, empty } = fields.get(name);
    if (empty || value === 0n) continue;
    const index =
      typeof value === "bigint"
        ? Number(value) - 1
        : table.indexOf(isText(value) ? lower(trim(value)) : "");
    if (table[index] === undefined) refuse(at, "no such name or number");
    if (found && found.name !== table[index]) refuse(at, "two that differ");
    found ??= { name: table[index], at };
  }
  return found ?? refuse(fields.get(names[0]).at, "nothing said");
}

function readSpec(task, spec, { isNested, layout }) {
  const engine = enumeration(spec, ["Engine", "engine_name", "EngineName"], ENGINES);
  const allowed = isNested ? ["docker", "wasm"] : ["docker"];
  if (!allowed.includes(engine.name)) refuse(engine.at, "no engine of this layout");
  const isDocker = engine.name === "docker";
  task.form = `${layout} ${engine.name}`;
  const landing = isNested ? "told" : "target";
  const source = (fields) => readInput(task, fields, landing);
  const inputs = shared.elements(spec.one("inputs", "InputVolumes"));
  const contexts = spec.get("Contexts");
  const all = isDocker ? [...inputs, ...shared.elements(contexts)] : inputs;
  const landings = shared.landed(all.map(source));
  const results = spec.one("outputs", "OutputVolumes");
  const names = isDocker ? ["path", "Name"] : ["Name", "path"];
  shared.outputs(task, results, ...names, "CID", "URL", "Metadata", ...SOURCE_TYPES);
  shared.network(task, spec.get("Network"));
  sharding(task, shared.mapOf(spec.get("Sharding")));
  const dockers = ["Docker", "job_spec_docker", "JobSpecDocker"];
  const languages = ["Language", "job_spec_language", "JobSpecLanguage"];
  const code = isDocker ? spec.one(...dockers) : null;
  const language = isDocker ? null : spec.one(...languages);
  spec.drop(...dockers, ...languages);
  const wasmField = isNested ? spec.get("Wasm") : null;
  spec.drop("Verifier", "verifier_name", "VerifierName", "Publisher");
  spec.drop("publisher_name", "PublisherName", "Resources", "Timeout");
  spec.drop("Annotations", "DoNotTrack");
  spec.ignoreOthers(task);
  if (isDocker) docker(task, shared.mapOf(code), landings, !isNested);
  else wasm(task, shared.mapOf(wasmField), { contexts, language, landings });
}

const SOURCE_TYPES = [
  "StorageSource",
  "StorageSourceName",
  "EngineName",
  "Engine",
  "engine_name",
];

function sharding(task, fields) {
  const pattern = fields.one("GlobPattern", "glob_pattern");
  if (!pattern.empty) task.unresolved("sharding", pattern.at, text(pattern));
  fields.drop(
    "BatchSize",
    "batch_size",
    "GlobPatternBasePath",
    "glob_pattern_base_path",
  );
  fields.ignoreOthers(task);
}

/** A source; of a module without a target. */
function readInput(task, fields, landing, isModule = false) {
  const type = enumeration(fields, SOURCE_TYPES, SOURCES);
  fields.drop("CID", "URL", "path", "Name", "Metadata");
  fields.ignoreOthers(task);
  return readSource(task, {
    type: type.name,
    typeAt: type.at,
    target: isModule ? null : fields.get("path"),
    params: fields,
    landing,
  });
}

function docker(task, params, landings, clears) {
  const env = shared.envOfList(task, params.one("EnvironmentVariables", "env"));
  shared.docker(task, {
    clears,
    image: params.get("Image"),
    entrypoint: params.get("Entrypoint"),
    parameters: null,
    cwd: params.one("WorkingDirectory", "workdir"),
    env: shared.mergedEnv(task, [], env),
    landings,
  });
  params.ignoreOthers(task);
}

function wasm(task, params, { contexts, language, landings }) {
  const main = params.get("EntryModule");
  if (!main.empty) refuse(main.at, "a module of another version");
  const other = shared.mapOf(language);
  for (const name of ["Command", "ProgramPath"]) {
    const field = other.get(name);
    if (!field.empty) refuse(field.at, "a program of another version");
  }
  const [first, ...more] = shared.elements(contexts);
  if (!first) refuse(contexts.at, "no module");
  for (const { at } of more) task.warn("ignored-field", at);
  const module = (fields) => readInput(task, fields, "target", true).cid;
  const imports = shared.elements(params.get("ImportModules")).map((fields) => {
    const name = fields.get("Name");
    const linked = name.empty ? "" : literal(task, text(name), name.at);
    return { code: module(fields), name: linked };
  });
  const env = shared.envOfMap(task, params.get("EnvironmentVariables"));
  shared.wasm(task, {
    entry: params.get("Entrypoint"),
    parameters: params.get("Parameters"),
    main: module(first),
    imports,
    env: shared.mergedEnv(task, [], env),
    landings,
  });
  params.ignoreOthers(task);
}
