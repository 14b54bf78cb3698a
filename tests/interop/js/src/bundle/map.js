/** The map: map.md, "Keys", "Trie", "Map head" and "Proof". */
import { createHash } from "node:crypto";
import { compare, concat, equal } from "../bytes.js";
import { Cid, cborOf } from "../cid.js";
import { decode, encode } from "../dagcbor.js";
import { fault } from "../errors.js";
import { invocationBlock } from "../model.js";

/** Pairs of code and data that an invocation has imports in topic 5 up to. */
export const PAIRS_MAX = 4096;
const ITEMS_MAX = 65536;
const KEY_BYTES_MAX = 129;

const sha256 = (...parts) =>
  new Uint8Array(
    createHash("sha256")
      .update(concat(...parts))
      .digest(),
  );

export const key = (topic, ...cids) =>
  concat(Uint8Array.of(topic), ...cids.map((cid) => sha256(cid.bytes)));

/** The inputs at which an invocation is found; `input` is its disclosed block. */
export function places(invocation, input) {
  const value = input && decode(input, { floats: true });
  if (!value?.has("nonce")) return [invocation.input];
  value.delete("nonce");
  return [invocation.input, cborOf(encode(value))];
}

/** All keys of an invocation {program, input}, blocks where they are disclosed. */
export function keysOf(invocation, program, input, claims) {
  const { program: p, input: i } = invocation;
  const codes = program ? codesOf(decode(program)) : [];
  const data = input ? dataOf(decode(input, { floats: true })) : [];
  const found = places(invocation, input).flatMap((at) => [
    ...claims.map(({ statement, record }) => key(1, p, at, statement, record)),
    key(2, at, p),
    key(6, invocationBlock(p, at).cid),
    ...codes.map((code) => key(3, code, at, p)),
  ]);
  found.push(...data.map((one) => key(4, one, p, i)));
  const paired = codes.length * data.length <= PAIRS_MAX ? codes : codes.slice(0, 1);
  for (const code of paired) found.push(...data.map((one) => key(5, code, one, p, i)));
  return found;
}

const each = (cids) => [...new Map(cids.map((cid) => [cid.text, cid])).values()];

function codesOf(program) {
  const imports = program.get("imports") ?? [];
  return each([program.get("code"), ...imports.map((one) => one.get("code"))]);
}

function dataOf(input) {
  const found = [...(input.get("files")?.values() ?? [])];
  if (input.has("stdin")) found.push(input.get("stdin"));
  for (const step of input.get("steps") ?? []) {
    found.push(...(step.get("put")?.values() ?? []));
  }
  collect(input.get("args") ?? [], found);
  return each(found);
}

function collect(value, found) {
  if (value instanceof Cid) found.push(value);
  else if (Array.isArray(value)) value.forEach((one) => collect(one, found));
  else if (value instanceof Map)
    [...value.values()].forEach((one) => collect(one, found));
}

/** {root, size, time} of the block of a map head. */
export function readHead(block) {
  const head = only(decode(block), "octostore/map-head@1");
  const isCount = (one) => typeof one === "bigint" && one >= 0n && one < 2n ** 53n;
  const root = head instanceof Map && head.size === 4 ? head.get("root") : null;
  if (!(root instanceof Uint8Array) || root.length !== 32) fault("no map head");
  if (!isCount(head.get("size")) || !isCount(head.get("time"))) fault("no map head");
  if (head.get("rules") !== "octostore/map@1") fault("a map by other rules");
  return { root, size: head.get("size"), time: head.get("time") };
}

/** The items of the block of a map proof. */
export function readProof(block) {
  const items = only(decode(block), "octostore/map-proof@1");
  if (!Array.isArray(items) || items.length > ITEMS_MAX) fault("no map proof");
  const isItem = (one) =>
    one === null ||
    (typeof one === "bigint" && one >= 0n && one < 8n * BigInt(KEY_BYTES_MAX)) ||
    (one instanceof Uint8Array && one.length >= 32 && one.length <= KEY_BYTES_MAX);
  if (!items.every(isItem)) fault("an item that is none");
  return items;
}

export function only(value, tag) {
  if (!(value instanceof Map) || value.size !== 1 || !value.has(tag))
    fault(`no ${tag}`);
  return value.get(tag);
}

const bit = (bytes, at) => (bytes[at >> 3] >> (7 - (at & 7))) & 1;
const startsWith = (bytes, prefix) => equal(bytes.subarray(0, prefix.length), prefix);

/** The first bit in which two keys differ. */
function parting(a, b) {
  let at = 0;
  while (a[at] === b[at]) at++;
  return 8 * at + Math.clz32(a[at] ^ b[at]) - 24;
}

const leaf = (one) => sha256(Uint8Array.of(0x10), one);
const inner = (depth, left, right) =>
  sha256(Uint8Array.of(0x11, depth >> 8, depth & 255), left, right);

function rootOf(keys) {
  if (keys.length === 1) return leaf(keys[0]);
  const depth = parting(keys[0], keys.at(-1));
  const cut = keys.findIndex((one) => bit(one, depth));
  return inner(depth, rootOf(keys.slice(0, cut)), rootOf(keys.slice(cut)));
}

/**
 * Opens a proof: all keys of the map that begin with one of these prefixes,
 * beside the known ones, which all are in it.
 */
export function openProof(items, root, prefixes, known) {
  const sorted = [...known].sort(compare);
  if (equal(root, sha256(Uint8Array.of(0x12)))) {
    if (items.length || sorted.length) fault("something of an empty map");
    return [];
  }
  const opening = new Opening(items);
  const found = opening.node(-1, [...prefixes].sort(compare), sorted);
  if (opening.at !== items.length) fault("more items than the trie has");
  if (!equal(found.hash, root)) fault("another root of the map");
  return opening.found;
}

class Opening {
  constructor(items) {
    this.items = items;
    this.at = 0;
    this.found = [];
    this.absent = new Set();
  }

  node(above, ways, known) {
    if (this.at === this.items.length) fault("a map proof that breaks off");
    const item = this.items[this.at++];
    if (typeof item === "bigint") return this.inner(above, Number(item), ways, known);
    if (item === null) return this.known(ways, known);
    if (known.length) fault("a known key that is not there");
    if (item.length === 32) {
      if (ways.length) fault("closed, where a question leads");
      return { hash: item };
    }
    if (!ways.length) fault("a key, where no question leads");
    this.answer(ways, [item]);
    this.found.push(item);
    return { hash: leaf(item) };
  }

  inner(above, depth, ways, known) {
    if (depth <= above) fault("depths that do not grow");
    if (!ways.length) fault("opened, where no question leads");
    const [first, last] = [known[0], known.at(-1)];
    if (first && (8 * first.length <= depth || !sameUpTo(first, last, depth))) {
      fault("known keys that are not in the map");
    }
    const leads = (side) => (way) =>
      depth >= 8 * way.length || bit(way, depth) === side;
    const on = (side) => known.filter((one) => bit(one, depth) === side);
    const left = this.node(depth, ways.filter(leads(0)), on(0));
    const others = ways.filter(leads(1)).filter((way) => !this.absent.has(way));
    const right = this.node(depth, others, on(1));
    if (left.isKnown && right.isKnown) fault("two known subtrees, which are one");
    return { hash: inner(depth, left.hash, right.hash) };
  }

  known(ways, known) {
    if (!known.length) fault("a null, where no key is known");
    this.answer(ways, known);
    return { hash: rootOf(known), isKnown: true };
  }

  /** A question that leads to no key of its own here has none at all. */
  answer(ways, keys) {
    for (const way of ways) {
      if (!keys.some((one) => startsWith(one, way))) this.absent.add(way);
    }
  }
}

const sameUpTo = (a, b, depth) => equal(a, b) || parting(a, b) >= depth;
