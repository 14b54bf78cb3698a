/**
 * Compares this implementation with vectors:
 *
 *     node check.js [--json] PATH..      every field that a case states
 *     node check.js --families PATH..    one invocation for each family
 *
 * A PATH is a file of vectors or a folder of them. Exit code 1 on a
 * disagreement. The place of a refusal is for people: another one is told and
 * is none.
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { fromHex, toHex, toUtf8 } from "./src/bytes.js";
import { canonicalize } from "./src/canonicalize.js";
import { Refused } from "./src/errors.js";

/** {outcomes} or {refused: pointer, reason}, from what a case gives alone. */
function compute({ document, document_hex: hex, resolutions, network }) {
  const bytes = document === undefined ? fromHex(hex) : toUtf8(document);
  const text = resolutions === undefined ? null : JSON.stringify(resolutions);
  try {
    return { outcomes: canonicalize(bytes, text, network ?? null) };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { refused: error.at, reason: error.message };
  }
}

const kindsOf = (findings) => findings.map(({ kind }) => kind).sort();
const sortedFindings = (findings) =>
  findings.map((one) => JSON.stringify(Object.entries(one).sort())).sort();

/** The fields of one outcome as vectors write them. */
const OURS = {
  outcome: (one) => one.outcome,
  program: (one) => one.program?.cid.text,
  input: (one) => one.input?.cid.text,
  invocation: (one) => one.invocation?.cid.text,
  without_nonce: (one) => one.withoutNonce?.text,
  blocks: ({ program, input }) => ({
    ...(program && { program: toHex(program.bytes) }),
    ...(input && { input: toHex(input.bytes) }),
  }),
  unresolved: (one) => sortedFindings(one.unresolved),
  impure: (one) => sortedFindings(one.impure),
  warnings: (one) => kindsOf(one.warnings),
  dirs: (one) => one.dirs,
  aliases: (one) => one.aliases,
  also: (one) => one.also,
};

/** Lists that are sets: the order of findings carries no meaning. */
const THEIRS = {
  unresolved: sortedFindings,
  impure: sortedFindings,
  warnings: (kinds) => [...kinds].sort(),
};

/** What a case leaves out it does not speak of, but for the CIDs. */
const ALWAYS_SPOKEN_OF = ["program", "input", "invocation", "without_nonce"];

function compareOutcome(stated, outcome, path) {
  const found = [];
  for (const [field, of] of Object.entries(OURS)) {
    const written = stated[field];
    if (written === undefined && !ALWAYS_SPOKEN_OF.includes(field)) continue;
    const theirs = written && THEIRS[field] ? THEIRS[field](written) : written;
    const ours = of(outcome) ?? undefined;
    if (!isDeepStrictEqual(ours, theirs)) {
      found.push({ field: path + field, ours: ours ?? null, theirs: theirs ?? null });
    }
  }
  return found;
}

function compareRefusal(vector, { outcomes, refused, reason }) {
  const ours = outcomes ? outcomes[0].outcome : "refused";
  const theirs = vector.outcome;
  return ours === theirs
    ? []
    : [{ field: "outcome", ours, theirs, reason, at: refused }];
}

/** Both refuse, at places that differ: [{ours, theirs, reason}], or none. */
function comparePlace({ outcome, error_at: theirs }, { refused: ours, reason }) {
  if (outcome !== "refused" || ours === undefined) return [];
  return theirs === undefined || ours === theirs ? [] : [{ ours, theirs, reason }];
}

/** Disagreements of one case: [{field, ours, theirs}]. */
function compare(vector, computed) {
  const { outcomes } = computed;
  if (vector.outcome === "refused" || !outcomes)
    return compareRefusal(vector, computed);
  const several = vector.invocations ?? [vector];
  if (several.length !== outcomes.length) {
    return [{ field: "invocations", ours: outcomes.length, theirs: several.length }];
  }
  return several.flatMap((one, i) =>
    compareOutcome(one, outcomes[i], vector.invocations ? `invocations/${i}/` : ""),
  );
}

function checkFile(file, vectors) {
  const computed = vectors.map((vector) => [vector, compute(vector)]);
  const all = (comparison) =>
    computed.flatMap(([vector, result]) =>
      comparison(vector, result).map((one) => ({ name: vector.name, ...one })),
    );
  const disagreements = all(compare);
  const disagreed = new Set(disagreements.map(({ name }) => name)).size;
  const agreed = vectors.length - disagreed;
  const otherPlaces = all(comparePlace);
  return {
    file,
    cases: vectors.length,
    agreed,
    other_place: otherPlaces.length,
    disagreed,
    disagreements,
    other_places: otherPlaces,
  };
}

/** Each family's invocations, ours first: only then is an expected CID read. */
function familiesOf(vectors) {
  const families = new Map();
  for (const vector of vectors.filter(({ family }) => family !== undefined)) {
    const { outcomes } = compute(vector);
    const ours = outcomes?.length === 1 ? outcomes[0].invocation?.cid.text : undefined;
    const members = families.get(vector.family) ?? [];
    families.set(vector.family, [...members, { vector, ours: ours ?? null }]);
  }
  return [...families].map(([family, members]) => {
    const invocations = [...new Set(members.map(({ ours }) => ours))];
    const expected = [
      ...new Set(members.map(({ vector }) => vector.invocation ?? null)),
    ];
    const agrees = invocations.length === 1 && isDeepStrictEqual(invocations, expected);
    return { family, cases: members.length, invocations, expected, agrees };
  });
}

function filesOf(path) {
  if (!statSync(path).isDirectory()) return [path];
  const names = readdirSync(path).filter((name) => name.endsWith(".json"));
  return names.sort().map((name) => join(path, name));
}

function print({ file, disagreements, other_places: otherPlaces, ...counts }) {
  const { cases, agreed, other_place: elsewhere, disagreed } = counts;
  const places = elsewhere ? ` (${elsewhere} refused at another place)` : "";
  console.log(
    `${file}: ${cases} cases, ${agreed} agreed${places}, ${disagreed} disagreed`,
  );
  for (const one of disagreements) console.log(`  ${JSON.stringify(one)}`);
  for (const one of otherPlaces) console.log(`  other place: ${JSON.stringify(one)}`);
}

function printFamily({ family, cases, invocations, expected, agrees }) {
  const verdict = agrees ? "agrees" : `expected ${expected.join(", ")}`;
  console.log(`${family}: ${cases} cases, ${invocations.join(", ")}: ${verdict}`);
}

function main(words) {
  const options = words.filter((word) => word.startsWith("--"));
  const paths = words.filter((word) => !word.startsWith("--"));
  const files = paths
    .flatMap(filesOf)
    .map((path) => [basename(path), JSON.parse(readFileSync(path, "utf8"))]);
  if (options.includes("--families")) {
    const families = familiesOf(files.flatMap(([, vectors]) => vectors));
    families.forEach(printFamily);
    return families.every(({ agrees }) => agrees) ? 0 : 1;
  }
  const reports = files.map(([file, vectors]) => checkFile(file, vectors));
  if (options.includes("--json")) console.log(JSON.stringify(reports, null, 1));
  else reports.forEach(print);
  return reports.every(({ disagreed }) => disagreed === 0) ? 0 : 1;
}

process.exitCode = main(process.argv.slice(2));
