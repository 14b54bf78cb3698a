/** Bacalhau: V1beta1 and V1beta2, forms/bacalhau-v1beta.md. */
import { lower, trim } from "../bytes.js";
import { refuse } from "../errors.js";
import { Task } from "../task.js";
import { isMap, isNothing, isText, isTree } from "../tree.js";
import * as shared from "./bacalhau.js";
import { peek } from "./models-job.js";
import { due, literal, readSource, text } from "./storage.js";

export const network = "bacalhau";

export function marks({ syntax, tree }) {
  if (!isTree({ syntax }) || !isMap(tree)) return false;
  const inner = peek(tree, "Job");
  if (isMap(inner) && !isNothing(peek(tree, "machine"))) return false;
  return isVersion(peek(isMap(inner) ? inner : tree, "APIVersion"));
}

export const isVersion = (value) =>
  isText(value) && ["v1beta1", "v1beta2"].includes(lower(trim(value)));

export function read({ tree }, resolutions) {
  const task = new Task(network, resolutions());
  const { job } = shared.jobOf(tree, "Spec");
  readJob(task, job);
  return [task];
}

export function readJob(task, job) {
  const version = job.get("APIVersion");
  const spec = job.get("Spec");
  if (spec.empty) refuse(spec.at, "no Spec");
  const id = text(shared.mapOf(job.get("Metadata")).get("ID"));
  if (id) task.aliases["bacalhau-job"] = id;
  job.drop("Deal", "ID", "Status", "ClientID", "CreatedAt", "ExecutionPlan");
  job.drop("RequesterNodeID", "RequesterPublicKey", "JobState", "State");
  job.ignoreOthers(task);
  readSpec(task, shared.mapOf(spec), lower(trim(version.value)) === "v1beta1");
}

function readSpec(task, spec, isBeta1) {
  const { name, params, isOld } = engineOf(spec);
  task.form = `V1beta${isBeta1 ? 1 : 2} ${name}`;
  const contexts = spec.get("Contexts");
  const more = name === "docker" ? shared.elements(contexts) : [];
  const inputs = [...shared.elements(spec.get("inputs")), ...more];
  const landings = shared.landed(inputs.map((input) => readInput(task, input)));
  const dropped = ["StorageSource", "CID", "URL", "S3", "Metadata"];
  shared.outputs(
    task,
    spec.get("outputs"),
    ...(name === "docker" ? ["path", "Name"] : ["Name", "path"]),
    ...dropped,
  );
  shared.network(task, spec.get("Network"));
  sharding(task, shared.mapOf(spec.get("Sharding")));
  spec.drop("Verifier", "Publisher", "PublisherSpec", "Resources", "Timeout");
  spec.drop(
    "Annotations",
    "NodeSelectors",
    "DoNotTrack",
    "Deal",
    "Language",
    "ExecutionPlan",
  );
  spec.ignoreOthers(task);
  if (name === "docker") docker(task, params, landings, { isBeta1, isOld });
  else wasm(task, params, landings, contexts);
  params.ignoreOthers(task);
}

function engineOf(spec) {
  const engine = spec.get("Engine");
  const newer = spec.get("EngineSpec");
  spec.drop("Docker", "Wasm");
  if (engine.empty && !newer.empty) {
    const fields = shared.mapOf(newer);
    return {
      name: known(fields.get("Type")),
      params: shared.mapOf(fields.get("Params")),
    };
  }
  const name = known(engine);
  const field = spec.get(name === "docker" ? "Docker" : "Wasm");
  return { name, params: shared.mapOf(field), isOld: true };
}

function known(field) {
  const name = lower(trim(due(field)));
  if (!["docker", "wasm"].includes(name)) refuse(field.at, "no engine");
  return name;
}

function sharding(task, fields) {
  const pattern = fields.get("GlobPattern");
  if (!pattern.empty) task.unresolved("sharding", pattern.at, text(pattern));
  fields.drop("BatchSize", "GlobPatternBasePath", "BasePath");
  fields.ignoreOthers(task);
}

function readInput(task, input) {
  const mode = input.get("ReadWrite");
  if (!mode.empty && typeof mode.value !== "boolean") refuse(mode.at, "no boolean");
  if (mode.value === true) task.impure("read-write-mount", mode.at);
  return storageSpec(task, input, input.get("path"));
}

function storageSpec(task, fields, target) {
  const type = fields.get("StorageSource");
  fields.drop("Name", "Metadata", "SourcePath", "Repo", "S3", "CID", "URL");
  fields.drop("path", "ReadWrite");
  fields.ignoreOthers(task);
  const name = due(type);
  const isS3 = lower(trim(name)) === "s3";
  const s3 = isS3 ? shared.mapOf(fields.get("S3")) : null;
  const found = readSource(task, {
    type: name,
    typeAt: type.at,
    target,
    params: fields,
    s3,
    checksum: "Checksum",
    landing: "below",
  });
  s3?.ignoreOthers(task);
  return found;
}

function docker(task, params, landings, { isBeta1, isOld }) {
  const parameters = params.get("Parameters");
  if (isBeta1 && isOld && !parameters.empty) {
    refuse(parameters.at, "parameters that older servers pass over");
  }
  const env = shared.envOfList(task, params.get("EnvironmentVariables"));
  shared.docker(task, {
    clears: !isOld,
    image: params.get("Image"),
    entrypoint: params.get("Entrypoint"),
    parameters,
    cwd: params.get("WorkingDirectory"),
    env: shared.mergedEnv(task, [], env),
    landings,
  });
}

/** The module: `EntryModule`, else the one of `Contexts`. */
function mainModule(params, contexts) {
  const main = params.get("EntryModule");
  const others = shared.elements(contexts);
  if (others.length > (main.empty ? 1 : 0)) refuse(others.at(-1).at, "another module");
  if (!main.empty) return shared.mapOf(main);
  return others[0] ?? refuse(main.at, "no module");
}

function wasm(task, params, landings, contexts) {
  const env = shared.envOfMap(task, params.get("EnvironmentVariables"));
  const main = mainModule(params, contexts);
  const module = (fields) => storageSpec(task, fields, null).cid;
  const imports = shared.elements(params.get("ImportModules")).map((fields) => {
    const name = fields.get("Name");
    const linked = name.empty ? "" : literal(task, text(name), name.at);
    return { code: module(fields), name: linked };
  });
  shared.wasm(task, {
    entry: params.get("Entrypoint"),
    parameters: params.get("Parameters"),
    main: module(main),
    imports,
    env: shared.mergedEnv(task, [], env),
    landings,
  });
}
