/** From a document and resolutions to outcomes: invocation.md. */
import { utf8Length } from "./bytes.js";
import { readDocument } from "./documents.js";
import { Refused, refuse } from "./errors.js";
import * as golem from "./forms/golem.js";
import * as homestar from "./forms/homestar.js";
import * as ipvmWorkflow from "./forms/ipvm-workflow.js";
import * as lilypad from "./forms/lilypad.js";
import * as modelsJob from "./forms/models-job.js";
import * as nix from "./forms/nix.js";
import * as own from "./forms/own.js";
import * as reapi from "./forms/reapi.js";
import * as tes from "./forms/tes.js";
import * as ucanBatch from "./forms/ucan-batch.js";
import * as ucanInvocation from "./forms/ucan-invocation.js";
import * as ucanTask from "./forms/ucan-task.js";
import * as v1alpha1 from "./forms/v1alpha1.js";
import * as v1beta from "./forms/v1beta.js";
import { Resolutions } from "./resolutions.js";

const FORMS = [
  modelsJob,
  v1beta,
  v1alpha1,
  lilypad,
  ucanTask,
  ucanBatch,
  ipvmWorkflow,
  homestar,
  ucanInvocation,
  golem,
  tes,
  nix,
  reapi,
  own,
];
const NETWORKS = [
  "bacalhau",
  "lilypad",
  "ipvm",
  "golem",
  "tes",
  "nix",
  "reapi",
  "octostore",
];
const FINDINGS_MAX = 100000;
const TOLD_CHARACTERS_MAX = 67108864;
const REFERENCE_BYTES_MAX = 8192;

/**
 * The outcomes of a document, one per task. `resolutions` is the JSON text of
 * a resolutions document, or null; `network` a name, or null. Throws Refused.
 */
export function canonicalize(bytes, resolutions = null, network = null) {
  const table =
    resolutions === null ? new Resolutions() : Resolutions.parse(resolutions);
  const document = readDocument(bytes);
  const form = recognize(document, network);
  const tasks = form.read(document, () => table.reader());
  const results = tasks.map((task) => task.result());
  limitTold(tasks);
  addAlso(tasks, results, form, document, table);
  warnUnused(tasks, results, table);
  limitFindings(results);
  return results;
}

/** The document matches exactly one form; if a network is named, one of it. */
function recognize(document, network) {
  if (network !== null && !NETWORKS.includes(network)) refuse("", "no network");
  const found = FORMS.filter(
    (form) => (network === null || form.network === network) && form.marks(document),
  );
  if (found.length !== 1) refuse("", found.length ? "several forms" : "no form");
  return found[0];
}

function limitTold(tasks) {
  let told = 0;
  const sizes = new Map();
  for (const task of tasks) {
    const { unresolvedFindings, impureFindings, warnings, aliases } = task;
    for (const { at, reference = "" } of [
      ...unresolvedFindings,
      ...impureFindings,
      ...warnings,
    ]) {
      if (utf8Length(reference) > REFERENCE_BYTES_MAX) refuse(at, "a long reference");
      told += characters(at) + characters(reference);
    }
    for (const alias of Object.values(aliases)) {
      if (utf8Length(alias) > REFERENCE_BYTES_MAX) refuse("", "a long alias");
      told += characters(alias);
    }
    const { used } = task.resolutions;
    if (!sizes.has(used)) {
      const entries = [...used].map(([reference, { value }]) => [reference, value]);
      sizes.set(used, sizeOf(new Map(entries)));
    }
    told += sizes.get(used);
  }
  if (told > TOLD_CHARACTERS_MAX) refuse("", "too much to tell");
}

const characters = (text) => [...text].length;

/** Characters of texts and keys, one more for each of them. */
function sizeOf(value) {
  if (typeof value === "string") return characters(value) + 1;
  const parts = Array.isArray(value) ? value : value instanceof Map ? [...value.keys(), ...value.values()] : [];
  return parts.reduce((sum, part) => sum + sizeOf(part), 0);
}

function limitFindings(results) {
  const count = results.reduce(
    (sum, one) => sum + one.unresolved.length + one.impure.length + one.warnings.length,
    0,
  );
  if (count > FINDINGS_MAX) refuse("", "too many findings");
}

/** The invocation as it is without what replaces content addresses. */
function addAlso(tasks, results, form, document, table) {
  const replacing = new Set(tasks.flatMap((task) => task.resolutions.without));
  if (replacing.size === 0) return;
  let plain;
  try {
    const kept = table.without(replacing);
    plain = form.read(document, () => kept.reader()).map((task) => task.result());
  } catch (error) {
    if (error instanceof Refused) return;
    throw error;
  }
  const without = [...replacing].sort((a, b) =>
    Buffer.compare(Buffer.from(a), Buffer.from(b)),
  );
  results.forEach((result, i) => {
    const other = plain[i]?.invocation?.cid.text;
    if (!other || other === result.invocation?.cid.text) return;
    result.also = [{ invocation: other, without }];
  });
}

function warnUnused(tasks, results, table) {
  const used = new Set(tasks.flatMap((task) => [...task.resolutions.used.keys()]));
  const unused = table.references.filter((reference) => !used.has(reference));
  const warnings = unused.map(() => ({ at: "", kind: "unused-resolution" }));
  results[0].warnings = [...results[0].warnings, ...warnings];
}
