/** Many entries of a log at once: bundle.md, "Proof of many entries". */
import { createHash } from "node:crypto";
import { concat, equal } from "../bytes.js";
import { fault } from "../errors.js";

const sha256 = (...parts) =>
  new Uint8Array(
    createHash("sha256")
      .update(concat(...parts))
      .digest(),
  );

export const statementLeaf = (cid) => sha256(Uint8Array.of(0, 0), cid.bytes);
export const headLeaf = (cid) => sha256(Uint8Array.of(0, 1), cid.bytes);

/** `leaves` is [[place, hash]] by ascending place, all bigint. */
export function checkEntries(leaves, size, proof, root) {
  if (!leaves.length || leaves.at(-1)[0] >= size) fault("a place outside of the log");
  if (proof.some((hash) => hash.length !== 32)) fault("a hash of another length");
  let next = 0;
  const walk = (start, end, inside) => {
    if (!inside.length) {
      if (next === proof.length) fault("a hash too few");
      return proof[next++];
    }
    if (end - start === 1n) return inside[0][1];
    let half = 1n;
    while (half * 2n < end - start) half *= 2n;
    const middle = start + half;
    const cut = inside.findIndex(([place]) => place >= middle);
    const left = cut < 0 ? inside : inside.slice(0, cut);
    const hash = walk(start, middle, left);
    return sha256(
      Uint8Array.of(1),
      hash,
      walk(middle, end, cut < 0 ? [] : inside.slice(cut)),
    );
  };
  const found = walk(0n, size, leaves);
  if (next !== proof.length) fault("a hash too many");
  if (!equal(found, root)) fault("another root");
}
