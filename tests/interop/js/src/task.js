/** One task and its outcome: invocation.md, "Outcomes". */
import { compareText } from "./bytes.js";
import { inputBlock, invocationBlock, programBlock } from "./model.js";

export class Task {
  unresolvedFindings = [];
  impureFindings = [];
  warnings = [];
  dirs = new Set();
  aliases = {};
  /** The parts, null while they are not complete. */
  program = null;
  input = null;

  constructor(network, resolutions) {
    this.network = network;
    this.form = "";
    this.resolutions = resolutions;
  }

  unresolved(kind, at, reference) {
    this.unresolvedFindings.push({ at, reference, kind });
  }

  impure(kind, at) {
    this.impureFindings.push({ at, kind });
  }

  warn(kind, at) {
    this.warnings.push({ at, kind });
  }

  get outcome() {
    if (this.impureFindings.length) return "impure";
    return this.unresolvedFindings.length ? "unresolved" : "canonical";
  }

  /** Program and input have CIDs as soon as each is complete. */
  result() {
    if (this.done) return this.done;
    const known = !this.hasTemplateField;
    const program = known && this.program ? programBlock(this.program) : null;
    const input = known && this.input ? inputBlock(this.kind, this.input) : null;
    const canonical = this.outcome === "canonical";
    const invocation =
      canonical && program && input ? invocationBlock(program.cid, input.cid) : null;
    this.done = {
      outcome: this.outcome,
      network: this.network,
      form: this.form,
      program,
      input,
      invocation,
      withoutNonce: invocation && this.withoutNonce(program),
      unresolved: this.unresolvedFindings,
      impure: this.impureFindings,
      warnings: this.warnings,
      dirs: [...this.dirs].sort(compareText),
      aliases: this.aliases,
      also: [],
    };
    return this.done;
  }

  /** What is known of an input has to make a block, complete or not. */
  checkKnown({ files, ...known }, at) {
    const found = [...(files ?? [])].filter(([, cid]) => cid);
    inputBlock(this.kind, { ...known, files: new Map(found) }, at);
  }

  withoutNonce(program) {
    if (!this.input.nonce?.length) return null;
    const input = inputBlock(this.kind, { ...this.input, nonce: undefined });
    return invocationBlock(program.cid, input.cid).cid;
  }
}

/** Commands of containers. The command, or null where it comes out empty. */
export function containerCommand(entrypoint, parameters, image) {
  const { entrypoint: ofImage, cmd } = image ?? {};
  if (entrypoint.length) {
    const cleared = entrypoint.length === 1 && entrypoint[0] === "";
    return argvOf([...(cleared ? [] : entrypoint), ...parameters]);
  }
  if (ofImage === undefined) return { args: parameters };
  if (parameters.length) return argvOf([...ofImage, ...parameters]);
  return cmd === undefined ? {} : argvOf([...ofImage, ...cmd]);
}

/** Of a cleared entrypoint; undefined where nothing states the image's CMD. */
export function clearedCommand(parameters, image) {
  if (parameters.length) return { argv: parameters };
  return image?.cmd && argvOf(image.cmd);
}

const argvOf = (argv) => (argv.length ? { argv } : null);
