/**
 * Answers cases, one a line, in order:
 *
 *     node outcomes.js < CASES > ANSWERS
 *
 * A case is `{document: base64, resolutions?: text, network?: text}`. An answer
 * is `{outcomes: [..]}`, `{refused: reason}`, or, if this implementation has a
 * bug, `{broke: what was thrown}`. `../differential.py` makes the cases.
 */
import { createInterface } from "node:readline";
import { canonicalize } from "./src/canonicalize.js";
import { Refused } from "./src/errors.js";

const told = (one) => ({
  outcome: one.outcome,
  program: one.program?.cid.text ?? null,
  input: one.input?.cid.text ?? null,
  invocation: one.invocation?.cid.text ?? null,
  without_nonce: one.withoutNonce?.text ?? null,
  unresolved: one.unresolved.map(({ at, reference, kind }) => [at, kind, reference]),
  impure: one.impure.map(({ at, kind }) => [at, kind]),
  warnings: one.warnings.map(({ at, kind }) => [at, kind]),
  dirs: one.dirs,
  aliases: one.aliases,
  also: one.also,
});

function answer({ document, resolutions, network }) {
  const bytes = new Uint8Array(Buffer.from(document, "base64"));
  try {
    const outcomes = canonicalize(bytes, resolutions ?? null, network ?? null);
    return { outcomes: outcomes.map(told) };
  } catch (error) {
    if (error instanceof Refused) return { refused: `${error.at}: ${error.message}` };
    return { broke: String(error.stack) };
  }
}

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  process.stdout.write(`${JSON.stringify(answer(JSON.parse(line)))}\n`);
}
