/** Lilypad: modules and their templates, forms/lilypad.md. */
import { utf8Length } from "../bytes.js";
import { refuse } from "../errors.js";
import { NotJson, parseJson } from "../json.js";
import { Task } from "../task.js";
import { below, isMap, isText, isTree } from "../tree.js";
import * as shared from "./bacalhau.js";
import { Fields } from "./fields.js";
import { peek } from "./models-job.js";
import { isVersion, readJob } from "./v1beta.js";

const ACTIONS_MAX = 10000;
const DOCUMENT_BYTES_MAX = 16777216;

export const network = "lilypad";

export function marks({ syntax, tree, text }) {
  if (syntax === "template") return isModuleText(text);
  if (!isTree({ syntax }) || !isMap(tree)) return false;
  const bundled = tree.get("template");
  return isModule(tree) || (isText(bundled) && isModuleText(bundled));
}

const isModule = (tree) =>
  isMap(tree) && ["machine", "job"].every((name) => isMap(peek(tree, name)));

const isModuleText = (text) =>
  ["machine", "job"].every((name) => new RegExp(`"${name}"[ \\t\\r\\n]*:`).test(text));

export function read({ syntax, tree, text }, resolutions) {
  const task = new Task(network, resolutions());
  if (syntax !== "template" && isModule(tree)) {
    readModule(task, tree, "module");
    return [task];
  }
  const bundle =
    syntax === "template"
      ? { template: text, at: "", inputs: new Map() }
      : bundleOf(tree);
  const rendered = new Template(task, bundle).render();
  task.form = "template";
  if (rendered === null) return [task];
  readModule(task, parsed(rendered, bundle.at), "template");
  return [task];
}

function bundleOf(tree) {
  const fields = new Fields(tree, "", { folds: false });
  const template = fields.get("template");
  const inputs = fields.get("inputs");
  fields.refuseOthers();
  const given = inputs.empty ? new Map() : inputs.value;
  if (!isMap(given)) refuse(inputs.at, "no map");
  for (const [name, value] of given) {
    if (!isText(value)) refuse(below(inputs.at, name), "no text");
  }
  return { template: template.value, at: template.at, inputs: given };
}

function parsed(rendered, at) {
  try {
    const tree = parseJson(rendered);
    if (!isModule(tree)) refuse(at, "no module was rendered");
    return tree;
  } catch (error) {
    if (error instanceof NotJson) refuse(at, "what was rendered is no JSON");
    throw error;
  }
}

function readModule(task, tree, kind) {
  const fields = shared.folding(tree, "");
  const job = fields.get("job");
  // `job` is the `Job` of V1beta, where `Spec` may not stand beside it.
  if (fields.has("Spec")) refuse(fields.get("Spec").at, "job, or Spec beside it");
  fields.drop("machine", "author", "description", "image", "model");
  fields.drop("executionTimeoutSeconds");
  const files = shared.mapOf(fields.get("inputFiles"));
  for (const name of ["required", "optional"]) {
    const field = files.get(name);
    if (shared.listOf(field).length) task.impure("read-write-mount", field.at);
  }
  files.ignoreOthers(task);
  fields.ignoreOthers(task);
  const inner = shared.folding(job.value, job.at);
  const version = inner.get("APIVersion");
  if (!isVersion(version.value)) refuse(version.at, "another version");
  readJob(task, inner);
  warnOfVersions(task, inner);
  task.form = `${kind} ${task.form}`;
}

/** Rendered: what nodes since v2.11.0 read otherwise. */
function warnOfVersions(task, job) {
  const spec = shared.mapOf(job.get("Spec"));
  const found = ["inputs", "Contexts", "EngineSpec"].map((name) => spec.get(name));
  const engine = spec.get("Engine");
  if (!engine.empty && shared.word(engine) === "wasm") found.push(engine);
  else if (!engine.empty) {
    const docker = shared.mapOf(spec.get("Docker"));
    found.push(docker.get("WorkingDirectory"), docker.get("Parameters"));
    const entrypoint = docker.get("Entrypoint");
    if (Array.isArray(entrypoint.value) && entrypoint.empty) {
      task.warn("version-dependent", entrypoint.at);
    }
  }
  for (const { empty, at } of found) if (!empty) task.warn("version-dependent", at);
}

const S = "[ \\t\\r\\n]";
const NAME = "[A-Za-z_][A-Za-z0-9_]*";
const GIVE = new RegExp(`^${S}*\\.(${NAME})${S}*$`);
const SUBST = new RegExp(
  `^${S}*subst${S}+"([^"\\\\\\r\\n]*)"((?:${S}+\\.${NAME})*)${S}*$`,
);
const IF = new RegExp(`^${S}*if${S}+\\.(${NAME})${S}*$`);
const WORD = new RegExp(`^${S}*(else|end)${S}*$`);

class Template {
  constructor(task, { template, at, inputs }) {
    Object.assign(this, { task, at, inputs });
    this.named = new Set();
    this.failed = false;
    this.size = 0;
    this.actions = this.split(template);
  }

  /** The text, or null where some action leaves the whole unrendered. */
  render() {
    const out = [];
    if (!this.failed) this.run(this.matched(), out);
    for (const name of this.inputs.keys()) {
      if (!this.named.has(name))
        this.task.warn("ignored-field", below("/inputs", name));
    }
    return this.failed ? null : out.join("");
  }

  fail() {
    this.failed = true;
    this.task.impure("template", this.at);
  }

  /** Texts and actions in turn; null for an action that is none of the table. */
  split(template) {
    const parts = [];
    let at = 0;
    for (let actions = 0; ; actions++) {
      const start = template.indexOf("{{", at);
      parts.push(template.slice(at, start < 0 ? undefined : start));
      if (start < 0) return parts;
      if (actions >= ACTIONS_MAX) refuse(this.at, "too many actions");
      const end = template.indexOf("}}", start + 2);
      if (end < 0) refuse(this.at, "{{ without }}");
      parts.push(this.action(template.slice(start + 2, end)));
      at = end + 2;
    }
  }

  /** A tree: only where all actions are of the table is it known what ends what. */
  matched() {
    const root = { then: [], else: null };
    const open = [root];
    const current = () => open.at(-1).else ?? open.at(-1).then;
    for (const part of this.actions) {
      if (part.word === "else") {
        if (open.length === 1 || open.at(-1).else)
          refuse(this.at, "an else of nothing");
        open.at(-1).else = [];
      } else if (part.word === "end") {
        if (open.length === 1) refuse(this.at, "an end of nothing");
        open.pop();
      } else {
        current().push(part);
        if (part.then) open.push(part);
      }
    }
    if (open.length > 1) refuse(this.at, "an if without end");
    return root.then;
  }

  action(text) {
    const word = WORD.exec(text);
    if (word) return { word: word[1] };
    const give = GIVE.exec(text);
    if (give) return this.naming({ give: give[1], names: [give[1]] });
    const when = IF.exec(text);
    if (when)
      return this.naming({ if: when[1], names: [when[1]], then: [], else: null });
    const subst = SUBST.exec(text);
    const names = subst?.[2].match(new RegExp(NAME, "g")) ?? [];
    const pieces = subst?.[1].split(/(%[s%])/);
    const holds =
      pieces?.every((piece) => /^%[s%]$/.test(piece) || !piece.includes("%")) &&
      pieces.filter((piece) => piece === "%s").length === names.length;
    if (holds) return this.naming({ subst: pieces, names });
    this.fail();
    return null;
  }

  naming(action) {
    for (const name of action.names) this.named.add(name);
    return action;
  }

  push(out, text) {
    this.size += utf8Length(text);
    if (this.size > DOCUMENT_BYTES_MAX) refuse(this.at, "it renders to too much");
    out.push(text);
  }

  run(parts, out) {
    for (const part of parts) {
      if (isText(part)) this.push(out, part);
      else if (part.if) this.branch(part, out);
      else if (part.names.some((name) => !this.inputs.has(name))) this.fail();
      else if (part.give) this.push(out, JSON.stringify(this.inputs.get(part.give)));
      else this.substitute(part, out);
    }
  }

  branch(part, out) {
    const given = this.inputs.has(part.if);
    if (!given) this.task.warn("input-defaulted", this.at);
    this.run((given ? part.then : part.else) ?? [], out);
  }

  substitute({ subst, names }, out) {
    const values = names.map((name) => this.inputs.get(name));
    for (const piece of subst) {
      if (piece === "%s") this.push(out, values.shift());
      else this.push(out, piece === "%%" ? "%" : piece);
    }
  }
}
