/** A bundle: bundle.md, "Verification", step by step. */
import { toHex } from "../bytes.js";
import { decode } from "../dagcbor.js";
import { Refused, fault } from "../errors.js";
import { invocationBlock } from "../model.js";
import { readCar } from "./car.js";
import { checkEntries, headLeaf, statementLeaf } from "./log.js";
import { PAIRS_MAX, key, keysOf, only, openProof, places, readHead, readProof } from "./map.js";
import { isLog, isWitness, openCheckpoint, readVkey } from "./note.js";
import { isOurs } from "./records.js";
import { readClosure, readStatement } from "./statements.js";

const FIELDS = ["asked", "checkpoint", "head", "log", "map", "proof", "statements"];
const FIRST = 3;

/**
 * {answer} of a file that holds, or {step, reason} of the first step that does
 * not; `log` and `witnesses` are vkeys that the reader has.
 */
export function verifyBundle(bytes, log = null, witnesses = []) {
  const reading = { step: "file" };
  try {
    return { answer: verify(bytes, log, witnesses, reading) };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { step: reading.step, reason: error.message };
  }
}

function verify(bytes, log, witnesses, reading) {
  const blocks = readCar(bytes);
  const root = readRoot(blocks[0].bytes);

  reading.step = "checkpoint";
  if (log !== null && log !== root.log.text) fault("a bundle of another log");
  const asked = witnesses.map(readVkey);
  if (!asked.every(isWitness)) fault("a key that is no witness's");
  const tree = openCheckpoint(root.checkpoint, root.log, asked);

  reading.step = "entries";
  const [headAt, headCid] = root.head;
  const leaves = root.statements.map(([at, cid]) => [at, statementLeaf(cid)]);
  if (root.statements.some(([at]) => at === headAt)) fault("two entries at one place");
  leaves.push([headAt, headLeaf(headCid)]);
  leaves.sort(([a], [b]) => (a < b ? -1 : 1));
  checkEntries(leaves, tree.size, root.proof, tree.root);

  reading.step = "map head";
  const head = readHead(blockAt(blocks, 1, headCid));
  if (head.size > headAt) fault("a map of what comes after it");
  if (root.statements.some(([at]) => at >= head.size))
    fault("a statement after the map");

  reading.step = "map";
  const items = readProof(blockAt(blocks, 2, root.map));

  reading.step = "statements";
  const statements = readStatements(root.statements, blocks.slice(FIRST));

  reading.step = "answer";
  const found = answerOf(root.asked, statements);
  checkRestsOn(found, statements);

  reading.step = "complete";
  const prefixes = questions(root.asked, found);
  const known = found.flatMap(allKeys).filter((one) => prefixes.some(begins(one)));
  const opened = openProof(items, head.root, prefixes, unique(known));
  if (opened.some((one) => prefixes.some(begins(one)))) fault("the map has more");
  return {
    asked: Object.fromEntries([...root.asked].map(([name, cid]) => [name, cid.text])),
    origin: tree.origin,
    entries: Number(tree.size),
    head: Number(headAt),
    size: Number(head.size),
    time: Number(head.time),
    claims: found.flatMap(({ claims }) => claims.map(shown)),
    notProven: notProven(root.asked),
  };
}

/** What the map cannot show: bundle.md, "What remains to be trusted". */
const notProven = (asked) =>
  asked.has("program")
    ? [`that no run of more than ${PAIRS_MAX} pairs of code and data imports this code`]
    : [];

function readRoot(block) {
  const root = only(decode(block), "octostore/bundle@1");
  const isWhole = root instanceof Map && root.size === FIELDS.length;
  if (!isWhole || !FIELDS.every((name) => root.has(name))) fault("other fields");
  const { asked, checkpoint, head, log, map, proof, statements } =
    Object.fromEntries(root);
  const words = asked instanceof Map ? [...asked.keys()].sort().join() : "";
  if (words !== "input,program" && words !== "invocation") fault("no question");
  if (![...asked.values()].every((cid) => isCid(cid))) fault("no question");
  if (typeof checkpoint !== "string" || typeof log !== "string") fault("no text");
  const vkey = readVkey(log);
  if (!isLog(vkey)) fault("a key of no log");
  if (!isEntry(head) || !isOurs(map)) fault("no link");
  if (!Array.isArray(statements) || !statements.every(isEntry)) fault("no entries");
  const ascends = ([at], i) => i === 0 || at > statements[i - 1][0];
  if (!statements.every(ascends)) fault("places that do not ascend");
  const isHash = (one) => one instanceof Uint8Array;
  if (!Array.isArray(proof) || !proof.every(isHash)) fault("no hashes");
  return { asked, checkpoint, head, log: vkey, map, proof, statements };
}

const isCid = (one) => one?.bytes !== undefined && !one.isName;
const isEntry = (one) =>
  Array.isArray(one) &&
  one.length === 2 &&
  typeof one[0] === "bigint" &&
  one[0] >= 0n &&
  isOurs(one[1]);

function blockAt(blocks, at, cid) {
  if (blocks[at]?.cid.text !== cid.text) fault("another block");
  return blocks[at].bytes;
}

/** [{place, cid, issuer, said}], whole, and of all blocks none left over. */
function readStatements(listed, blocks) {
  const byCid = new Map(blocks.map(({ cid, bytes }) => [cid.text, bytes]));
  const blockOf = (cid) => byCid.get(cid.text) ?? fault("a block that is absent");
  const due = new Set();
  const names = new Set();
  const statements = listed.map(([place, envelope]) => {
    const statement = readStatement(blockOf(envelope));
    const closure = readClosure(statement, blockOf);
    for (const cid of [envelope, ...closure.due]) due.add(cid.text);
    names.add(statement.cid.text);
    return { place, ...statement, said: closure.said };
  });
  if (names.size < statements.length) fault("one statement in two envelopes");
  const order = [...due];
  if (blocks.length !== order.length) fault("a block more");
  if (blocks.some(({ cid }, at) => cid.text !== order[at])) fault("another order");
  return statements;
}

/** The invocations that are asked for, [{ran, claims}], with all their claims. */
function answerOf(asked, statements) {
  const found = new Map();
  for (const statement of statements) {
    for (const { cid, record, ran } of statement.said) {
      if (!ran) continue;
      const name = ran.invocation.cid.text;
      const one = found.get(name) ?? { ran: { ...ran }, claims: [] };
      one.ran.program ??= ran.program;
      one.ran.input ??= ran.input;
      one.claims.push({ statement, record: cid, claim: record });
      found.set(name, one);
    }
  }
  return [...found.values()].filter((one) => isAsked(asked, one));
}

function isAsked(asked, one) {
  if (asked.has("invocation")) return placesAsked(asked, one).length > 0;
  const prefixes = roles(asked);
  return allKeys(one).some((name) => prefixes.some(begins(name)));
}

function roles(asked) {
  const [code, data] = [asked.get("program"), asked.get("input")];
  const found = [key(5, code, data)];
  if (isOurs(data)) found.push(key(3, code, data));
  if (isOurs(code)) found.push(key(4, data, code));
  if (isOurs(code) && isOurs(data)) found.push(key(1, code, data));
  return found;
}

/** Where claims of the invocation that is asked for stand. */
function placesAsked(asked, { ran: { invocation, input } }) {
  return places(invocation, input)
    .filter((at) => {
      const { cid } = invocationBlock(invocation.program, at);
      return cid.text === asked.get("invocation").text;
    })
    .map((at) => key(1, invocation.program, at));
}

function questions(asked, found) {
  const own = found.map(({ ran }) =>
    key(1, ran.invocation.program, ran.invocation.input),
  );
  if (!asked.has("invocation")) return unique([...own, ...roles(asked)]);
  const at = found.flatMap((one) => placesAsked(asked, one));
  return found.length ? unique([...own, ...at]) : [key(6, asked.get("invocation"))];
}

function allKeys({ ran: { invocation, program, input }, claims }) {
  const named = claims.map(({ statement, record }) => ({
    statement: statement.cid,
    record,
  }));
  return keysOf(invocation, program, input, named);
}

/** Statements with a claim, the last profile, the first withdrawal: no other. */
function checkRestsOn(found, statements) {
  const due = new Set();
  const claims = found.flatMap((one) => one.claims);
  claims.forEach(({ statement }) => due.add(statement));
  const says = (type, isOne) => (statement) =>
    statement.said.some(({ record }) => record?.get("type") === type && isOne(record));
  for (const { statement, record: claim } of claims) {
    const own = statements.filter(({ issuer }) => issuer === statement.issuer);
    due.add(own.findLast(says("profile", () => true)));
    const isOfIt = (record) => record.get("claim").text === claim.text;
    due.add(own.find(says("withdrawal", isOfIt)));
  }
  if (statements.some((one) => !due.has(one)))
    fault("a statement that nothing rests on");
}

const begins = (name) => (prefix) =>
  prefix.length <= name.length &&
  Buffer.compare(name.subarray(0, prefix.length), prefix) === 0;

function unique(keys) {
  const seen = new Map(keys.map((one) => [toHex(one), one]));
  return [...seen.values()];
}

const shown = ({ statement, record }) => ({
  statement: statement.cid.text,
  claim: record.text,
  index: Number(statement.place),
});
