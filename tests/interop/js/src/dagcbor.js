/**
 * Encoding: invocation.md, "Encoding".
 *
 * Values: bigint is an integer and number a float64, so that `1` and `1.0`
 * stay two; Map is a map, Uint8Array bytes, Cid a link. The writer is
 * @ipld/dag-cbor's, told those types. The reader is small and lenient on
 * purpose: whatever it read is written again and must be the same bytes.
 */
import { encodeOptions } from "@ipld/dag-cbor";
import * as cborg from "cborg";
import { concat, equal, fromUtf8 } from "./bytes.js";
import { Cid, cidFromBytes } from "./cid.js";
import { fault } from "./errors.js";

export const DEPTH_MAX = 128;
const INT_MIN = -(2n ** 63n);
const INT_MAX = 2n ** 64n - 1n;
const LINK_TAG = 42;

const options = {
  ...encodeOptions,
  typeEncoders: {
    ...encodeOptions.typeEncoders,
    // The library's refuses the key "", which the format allows.
    Map: () => null,
    Object: (value) => {
      if (!(value instanceof Cid)) return null;
      return [
        new cborg.Token(cborg.Type.tag, LINK_TAG),
        new cborg.Token(cborg.Type.bytes, concat(Uint8Array.of(0), value.bytes)),
      ];
    },
    number: (value) => {
      if (!Number.isFinite(value)) fault("a float that is no number");
      if (Object.is(value, -0)) fault("-0.0");
      return new cborg.Token(cborg.Type.float, value);
    },
  },
};

export const encode = (value) => cborg.encode(value, options);

export function depth(value) {
  const inner =
    value instanceof Map ? [...value.values()] : Array.isArray(value) ? value : null;
  if (inner === null) return 0;
  return 1 + inner.reduce((most, one) => Math.max(most, depth(one)), 0);
}

export function decode(bytes, { floats = false } = {}) {
  const reader = new Reader(bytes, floats);
  const value = reader.value(0);
  if (reader.at !== bytes.length) fault("bytes after the value");
  if (!equal(encode(value), bytes)) fault("another encoding of the value");
  return value;
}

class Reader {
  constructor(bytes, floats) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.floats = floats;
    this.at = 0;
  }

  take(count) {
    const start = this.at;
    if (count > this.bytes.length - start) fault("CBOR that ends too early");
    this.at += count;
    return start;
  }

  head() {
    const byte = this.bytes[this.take(1)];
    const info = byte & 31;
    let argument;
    if (info < 24) argument = BigInt(info);
    else if (info === 24) argument = BigInt(this.bytes[this.take(1)]);
    else if (info === 25) argument = BigInt(this.view.getUint16(this.take(2)));
    else if (info === 26) argument = BigInt(this.view.getUint32(this.take(4)));
    else if (info === 27) argument = this.view.getBigUint64(this.take(8));
    else fault("an indefinite length");
    return { major: byte >> 5, info, argument };
  }

  value(depth) {
    const start = this.at;
    const { major, info, argument } = this.head();
    switch (major) {
      case 0:
        return argument;
      case 1:
        if (-1n - argument < INT_MIN) fault("an integer below -2^63");
        return -1n - argument;
      case 2:
        return this.slice(argument);
      case 3:
        return fromUtf8(this.slice(argument)) ?? fault("text that is not UTF-8");
      case 4:
        return this.list(argument, depth + 1);
      case 5:
        return this.map(argument, depth + 1);
      case 6:
        return this.link(argument);
      default:
        return this.simple(info, start);
    }
  }

  slice(length) {
    if (length > INT_MAX || length > BigInt(this.bytes.length)) {
      fault("CBOR that ends too early");
    }
    const start = this.take(Number(length));
    return this.bytes.slice(start, this.at);
  }

  list(length, depth) {
    if (depth > DEPTH_MAX) fault("deeper than 128 levels");
    const out = [];
    for (let i = 0n; i < length; i++) out.push(this.value(depth));
    return out;
  }

  map(length, depth) {
    if (depth > DEPTH_MAX) fault("deeper than 128 levels");
    const out = new Map();
    for (let i = 0n; i < length; i++) {
      const key = this.value(depth);
      if (typeof key !== "string") fault("a key that is no text");
      if (out.has(key)) fault("a key twice");
      out.set(key, this.value(depth));
    }
    return out;
  }

  link(tag) {
    if (tag !== 42n) fault("a tag that is no link");
    const { major, argument } = this.head();
    if (major !== 2) fault("a link without bytes");
    const bytes = this.slice(argument);
    if (bytes[0] !== 0) fault("a link without its 00");
    return cidFromBytes(bytes.subarray(1));
  }

  simple(info, start) {
    if (info === 20) return false;
    if (info === 21) return true;
    if (info === 22) return null;
    if (info === 27 && this.floats) return this.view.getFloat64(start + 1);
    return fault("a value that DAG-CBOR has not here");
  }
}
