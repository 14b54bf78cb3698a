/** Statements with their closures: statement.md; log.md, "Closure". */
import { toHex } from "../bytes.js";
import { cborOf } from "../cid.js";
import { decode } from "../dagcbor.js";
import { fault } from "../errors.js";
import { inputFromBlock, programFromBlock } from "../forms/own.js";
import { holds, keyOfDid } from "../signature.js";
import { attempt, checkResult, isOurs, readRecord } from "./records.js";

const TAG = "octostore/statement@1";
const HEAD = "825840";
const SIGNED_AT = 67;
const RECORDS_MAX = 4096;
const FIELDS = ["iat", "iss", "seq", "prev", "chain", "records"];

/** {cid, issuer, records} of an envelope whose signature holds. */
export function readStatement(envelope) {
  if (toHex(envelope.subarray(0, 3)) !== HEAD) fault("no envelope");
  const element = envelope.subarray(SIGNED_AT);
  const value = decode(element);
  const part = value instanceof Map ? value.get(TAG) : null;
  const header = part && value.get("h");
  if (!(part instanceof Map) || value.size !== 2) fault("no statement");
  if (!(header instanceof Uint8Array) || toHex(header) !== "3401ed01ed011371") {
    fault("another header");
  }
  if (part.size !== FIELDS.length || !FIELDS.every((name) => part.has(name))) {
    fault("other fields");
  }
  checkPart(part);
  const key = keyOfDid(part.get("iss"));
  if (!holds(key, envelope.subarray(3, SIGNED_AT), element)) fault("a false signature");
  return {
    cid: cborOf(element),
    issuer: part.get("iss"),
    records: part.get("records"),
  };
}

function checkPart(part) {
  const [seq, prev, chain] = ["seq", "prev", "chain"].map((name) => part.get(name));
  for (const number of [seq, part.get("iat")]) {
    if (typeof number !== "bigint" || number < 0n || number >= 2n ** 53n)
      fault("a number");
  }
  if ((seq === 0n) !== (prev === null)) fault("seq and prev contradict each other");
  if (prev !== null && !isOurs(prev)) fault("prev is no statement");
  if (!(chain instanceof Uint8Array) || chain.length !== 16) fault("a chain");
  const records = part.get("records");
  if (!Array.isArray(records) || !records.every(isOurs)) fault("records");
  const names = new Set(records.map((cid) => cid.text));
  if (!records.length || records.length > RECORDS_MAX || names.size < records.length) {
    fault("records");
  }
}

/**
 * What a statement says, and the blocks that it needs, in order. `blockOf`
 * gives the bytes of a CID, and refuses what is absent.
 */
export function readClosure(statement, blockOf) {
  const due = [];
  const need = (cid) => {
    due.push(cid);
    return blockOf(cid);
  };
  const said = statement.records.map((cid) => {
    const record = readRecord(need(cid));
    if (record?.get("type") !== "claim") return { cid, record };
    const block = need(record.get("invocation"));
    const result = record.has("result") ? need(record.get("result")) : null;
    const invocation = attempt(() => invocationOf(block));
    if (!invocation) return { cid, record: null };
    const withheld = record.get("withheld") ?? [];
    const [program, input] = ["program", "input"].map((name) =>
      withheld.includes(name) ? null : need(invocation[name]),
    );
    const isValid = attempt(() => {
      if (result) checkResult(result);
      const kind = program && programFromBlock(program).kind;
      if (input) inputFromBlock(input, kind);
      return true;
    });
    return isValid
      ? { cid, record, ran: { invocation, program, input } }
      : { cid, record: null };
  });
  return { due, said };
}

function invocationOf(block) {
  const value = decode(block);
  const isTwo = value instanceof Map && value.size === 2;
  const [program, input] = ["program", "input"].map((name) => isTwo && value.get(name));
  if (!isOurs(program) || !isOurs(input)) fault("no invocation");
  return { cid: cborOf(block), program, input };
}
