/** Keys, signed checkpoints and cosignatures: C2SP signed-note, tlog-checkpoint. */
import { createHash } from "node:crypto";
import { concat, toHex, toUtf8 } from "../bytes.js";
import { fault } from "../errors.js";
import { checkPoint, holds } from "../signature.js";

const LOG = 1;
const WITNESS = 4;
const SIGNATURES_MAX = 100;
const NAME = /^[^\s+\u0000-\u001f]+$/;

function base64(text) {
  const bytes = Buffer.from(text, "base64");
  if (bytes.toString("base64") !== text) fault("no base64");
  return new Uint8Array(bytes);
}

/** {name, type, key, id, text} of name+id+key. */
export function readVkey(text) {
  const [name, id, ...rest] = text.split("+");
  const raw = base64(rest.join("+"));
  const type = raw[0];
  if (!NAME.test(name) || raw.length !== 33) fault("no verifier key");
  if (type !== LOG && type !== WITNESS) fault("a key of another type");
  const hashed = concat(toUtf8(name + "\n"), raw);
  const due = createHash("sha256").update(hashed).digest("hex").slice(0, 8);
  if (id !== due) fault("the id of another key");
  checkPoint(raw.subarray(1));
  return { name, type, key: raw.subarray(1), id, text };
}

export const isLog = (vkey) => vkey.type === LOG;
export const isWitness = (vkey) => vkey.type === WITNESS;

/** {origin, size, root} of a checkpoint that all of these keys signed. */
export function openCheckpoint(note, log, witnesses) {
  const cut = note.lastIndexOf("\n\n");
  if (cut < 0 || !note.endsWith("\n")) fault("no signed note");
  const text = note.slice(0, cut + 1);
  const lines = note.slice(cut + 2, -1).split("\n");
  if (lines.length > SIGNATURES_MAX) fault("too many signatures");
  const signatures = lines.map(readSignature);
  const [origin, size, root, ...rest] = text.slice(0, -1).split("\n");
  if (origin !== log.name) fault("a checkpoint of another log");
  if (!/^(0|[1-9][0-9]{0,18})$/.test(size ?? "")) fault("no size");
  if (root === undefined || rest.includes("")) fault("no checkpoint");
  for (const vkey of [log, ...witnesses]) check(vkey, text, signatures);
  const hash = base64(root);
  if (hash.length !== 32) fault("a root of another length");
  return { origin, size: BigInt(size), root: hash };
}

function readSignature(line) {
  const match = /^\u2014 (\S+) (\S+)$/.exec(line);
  if (!match) fault("no line of a signature");
  const raw = base64(match[2]);
  if (raw.length <= 4) fault("no signature");
  return { name: match[1], id: toHex(raw.subarray(0, 4)), made: raw.subarray(4) };
}

function check(vkey, text, signatures) {
  const mine = signatures.filter(
    ({ name, id }) => name === vkey.name && id === vkey.id,
  );
  if (!mine.length) fault(`not signed by ${vkey.name}`);
  for (const { made } of mine) {
    const time = isWitness(vkey) ? Buffer.from(made).readBigUInt64BE() : null;
    const signed = time === null ? text : `cosignature/v1\ntime ${time}\n${text}`;
    const signature = time === null ? made : made.subarray(8);
    if (!holds(vkey.key, signature, toUtf8(signed))) fault("a false signature");
  }
}
