/**
 * Compares this implementation with vectors: `node check.js PATH..`, each a
 * file of vectors or a folder of them. Exit code 1 on a disagreement.
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { canonicalize } from "./src/canonicalize.js";
import { fromHex, toHex, toUtf8 } from "./src/bytes.js";
import { Refused } from "./src/errors.js";

/** Ours, in the words of a vector; only what is not known by itself is left out. */
export function compute(vector) {
  const bytes =
    vector.document === undefined ? fromHex(vector.document_hex) : toUtf8(vector.document);
  const resolutions =
    vector.resolutions === undefined ? null : JSON.stringify(vector.resolutions);
  try {
    return { outcomes: canonicalize(bytes, resolutions, vector.network ?? null) };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { refused: error.at, reason: error.message };
  }
}

const kinds = (findings) => findings.map(({ kind }) => kind).sort();
const sorted = (findings) =>
  findings
    .map((one) => JSON.stringify(Object.entries(one).sort()))
    .sort();

/** The fields of one outcome as the vectors write them. */
const FIELDS = {
  outcome: (ours) => ours.outcome,
  program: (ours) => ours.program?.cid.text,
  input: (ours) => ours.input?.cid.text,
  invocation: (ours) => ours.invocation?.cid.text,
  without_nonce: (ours) => ours.withoutNonce?.text,
  blocks: (ours) => ({
    ...(ours.program && { program: toHex(ours.program.bytes) }),
    ...(ours.input && { input: toHex(ours.input.bytes) }),
  }),
  unresolved: (ours) => sorted(ours.unresolved),
  impure: (ours) => sorted(ours.impure),
  warnings: (ours) => kinds(ours.warnings),
  dirs: (ours) => ours.dirs,
  aliases: (ours) => ours.aliases,
  also: (ours) => ours.also,
};

/** What a case leaves out it does not speak of, but for the CIDs ("Vectors"). */
const ALWAYS = ["program", "input", "invocation", "without_nonce"];
const STATED = {
  unresolved: sorted,
  impure: sorted,
  warnings: (value) => [...value].sort(),
};

function compareOutcome(theirs, ours, path) {
  const found = [];
  for (const [field, of] of Object.entries(FIELDS)) {
    const stated = theirs[field];
    if (stated === undefined && !ALWAYS.includes(field)) continue;
    const expected = STATED[field] && stated ? STATED[field](stated) : stated;
    const actual = of(ours);
    if (!isDeepStrictEqual(actual ?? undefined, expected)) {
      found.push({ field: path + field, ours: actual ?? null, theirs: expected ?? null });
    }
  }
  return found;
}

export function compare(vector, computed) {
  const { outcomes, refused, reason } = computed;
  if (vector.outcome === "refused" || refused !== undefined) {
    const ours = refused === undefined ? outcomes[0].outcome : "refused";
    const found = [];
    if (ours !== vector.outcome) {
      found.push({ field: "outcome", ours, theirs: vector.outcome, reason, at: refused });
    } else if (vector.error_at !== undefined && vector.error_at !== refused) {
      found.push({ field: "error_at", ours: refused, theirs: vector.error_at, reason });
    }
    return found;
  }
  const several = vector.invocations;
  if (!several) {
    if (outcomes.length !== 1) {
      return [{ field: "invocations", ours: outcomes.length, theirs: 1 }];
    }
    return compareOutcome(vector, outcomes[0], "");
  }
  if (several.length !== outcomes.length) {
    return [{ field: "invocations", ours: outcomes.length, theirs: several.length }];
  }
  return several.flatMap((one, i) =>
    compareOutcome(one, outcomes[i], `invocations/${i}/`),
  );
}

function filesOf(path) {
  if (!statSync(path).isDirectory()) return [path];
  const names = readdirSync(path).filter((name) => name.endsWith(".json"));
  return names.sort().map((name) => join(path, name));
}

function main(paths) {
  let failed = false;
  for (const path of paths.flatMap(filesOf)) {
    const vectors = JSON.parse(readFileSync(path, "utf8"));
    const lines = [];
    let agreed = 0;
    for (const vector of vectors) {
      const found = compare(vector, compute(vector));
      if (found.length === 0) agreed++;
      for (const one of found) lines.push(JSON.stringify({ name: vector.name, ...one }));
    }
    const disagreed = vectors.length - agreed;
    console.log(
      `${basename(path)}: ${vectors.length} cases, ${agreed} agreed, ${disagreed} disagreed`,
    );
    for (const line of lines) console.log(`  ${line}`);
    failed ||= disagreed > 0;
  }
  return failed ? 1 : 0;
}

process.exitCode = main(process.argv.slice(2));
