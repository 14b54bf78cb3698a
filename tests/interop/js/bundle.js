/**
 * Verifies bundles:
 *
 *     node bundle.js FILE [--log VKEY] [--witness VKEY]..    one file
 *     node bundle.js --vectors PATH [--json]                 a file of vectors
 *
 * Exit code 1 if a file does not hold, or a vector disagrees.
 */
import { readFileSync } from "node:fs";
import { isDeepStrictEqual, parseArgs } from "node:util";
import { verifyBundle } from "./src/bundle/bundle.js";

const ANSWER = ["asked", "origin", "entries", "head", "size", "time"];

const sorted = (claims) => claims.map((one) => JSON.stringify(entriesOf(one))).sort();
const entriesOf = (one) => Object.entries(one).sort();

/** How a case is read otherwise here: {name, ours, theirs}, or null. */
function disagreement(vector) {
  const bytes = new Uint8Array(Buffer.from(vector.car, "base64"));
  const found = verifyBundle(bytes, vector.log ?? null, vector.witnesses ?? []);
  const { name, valid } = vector;
  if (!valid || !found.answer) {
    const agrees = valid === (found.answer !== undefined);
    const ours = found.answer ? "holds" : `${found.step}: ${found.reason}`;
    return agrees ? null : { name, ours, theirs: valid ? "holds" : vector.step };
  }
  const wrong = ANSWER.filter(
    (field) => !isDeepStrictEqual(found.answer[field], vector[field]),
  );
  if (!isDeepStrictEqual(sorted(found.answer.claims), sorted(vector.claims))) {
    wrong.push("claims");
  }
  return wrong.length ? { name, ours: wrong, theirs: "holds" } : null;
}

/** Refused by both, but at different steps: told, and no disagreement. */
function otherStep(vector) {
  if (vector.valid) return null;
  const bytes = new Uint8Array(Buffer.from(vector.car, "base64"));
  const { step } = verifyBundle(bytes, vector.log ?? null, vector.witnesses ?? []);
  return step === vector.step
    ? null
    : { name: vector.name, ours: step, theirs: vector.step };
}

function checkVectors(path) {
  const vectors = JSON.parse(readFileSync(path, "utf8"));
  return {
    cases: vectors.length,
    disagreements: vectors.map(disagreement).filter((one) => one !== null),
    other_steps: vectors.map(otherStep).filter((one) => one !== null),
  };
}

function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      vectors: { type: "string" },
      json: { type: "boolean" },
      log: { type: "string" },
      witness: { type: "string", multiple: true, default: [] },
    },
  });
  if (values.vectors !== undefined) {
    const report = checkVectors(values.vectors);
    console.log(JSON.stringify(report, null, values.json ? 0 : 1));
    return report.disagreements.length ? 1 : 0;
  }
  const bytes = new Uint8Array(readFileSync(positionals[0]));
  const found = verifyBundle(bytes, values.log ?? null, values.witness);
  console.log(JSON.stringify(found, null, 1));
  return found.answer ? 0 : 1;
}

process.exitCode = main();
