/** Content identity: invocation.md, "Content identity". */
import { createHash } from "node:crypto";
import { base58btc, base58flickr } from "multiformats/bases/base58";
import { concat } from "./bytes.js";
import { fault } from "./errors.js";

const RAW = 0x55n;
const DAG_PB = 0x70n;
const DAG_CBOR = 0x71n;
const LIBP2P_KEY = 0x72n;
const SHA2_256 = 0x12n;
const IDENTITY = 0n;

const DIGEST_BYTES = new Map([
  [0x12n, 32],
  [0x20n, 48],
  [0x13n, 64],
  [0x17n, 28],
  [0x16n, 32],
  [0x15n, 48],
  [0x14n, 64],
  [0xb220n, 32],
  [0x1en, 32],
]);

const SHA2 = { sha256: 0x12n, sha384: 0x20n, sha512: 0x13n };
const SHA3 = { 224: 0x17n, 256: 0x16n, 384: 0x15n, 512: 0x14n };

const CID_TEXT_MAX = 4096;
const VARINT_BYTES_MAX = 9;

export class Cid {
  constructor(codec, hash, digest, written = null) {
    this.codec = codec;
    this.hash = hash;
    this.digest = digest;
    this.bytes = concat(
      varint(1n),
      varint(codec),
      varint(hash),
      varint(BigInt(digest.length)),
      digest,
    );
    this.text = "b" + encodeBits(this.bytes, BASE32, 5);
    // The characters of the document, where they are not of this binary.
    this.written = written;
  }

  /** The codec libp2p-key: a name, no content. */
  get isName() {
    return this.codec === LIBP2P_KEY;
  }

  toString() {
    return this.text;
  }
}

const sha2_256 = (bytes) => new Uint8Array(createHash("sha256").update(bytes).digest());

export const rawOf = (bytes) => new Cid(RAW, SHA2_256, sha2_256(bytes));
export const rawOfDigest = (digest) => new Cid(RAW, SHA2_256, digest);
export const cborOf = (block) => new Cid(DAG_CBOR, SHA2_256, sha2_256(block));
export const rawBy = (name, digest) => new Cid(RAW, SHA2[name], digest);
export const rawOfSha3 = (bits, digest) => new Cid(RAW, SHA3[bits], digest);

export function sha3CborOf(block) {
  const digest = createHash("sha3-256").update(block).digest();
  return new Cid(DAG_CBOR, 0x16n, new Uint8Array(digest));
}

/** Raw + any hash of the table, of no bytes: `stdin` is absent then (Input). */
export function isOfNoBytes(cid) {
  if (cid.codec !== RAW) return false;
  return EMPTY_DIGESTS().some(
    ([hash, digest]) => hash === cid.hash && Buffer.compare(digest, cid.digest) === 0,
  );
}

let emptyDigests;
function EMPTY_DIGESTS() {
  const nodeNames = {
    sha256: 0x12n,
    sha384: 0x20n,
    sha512: 0x13n,
    "sha3-224": 0x17n,
    "sha3-256": 0x16n,
    "sha3-384": 0x15n,
    "sha3-512": 0x14n,
  };
  emptyDigests ??= [
    ...Object.entries(nodeNames).map(([name, code]) => [
      code,
      createHash(name).digest(),
    ]),
    [0xb220n, Buffer.from(BLAKE2B_256_OF_NOTHING, "hex")],
    [0x1en, Buffer.from(BLAKE3_OF_NOTHING, "hex")],
  ];
  return emptyDigests;
}
const BLAKE2B_256_OF_NOTHING =
  "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8";
const BLAKE3_OF_NOTHING =
  "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";

function varint(value) {
  const out = [];
  for (;;) {
    const low = Number(value & 0x7fn);
    value >>= 7n;
    out.push(value ? low | 0x80 : low);
    if (!value) return Uint8Array.from(out);
  }
}

/** Unsigned LEB128 of at most 9 bytes in its shortest form: [value, end]. */
export function readVarint(bytes, start) {
  let value = 0n;
  for (let i = 0; i < VARINT_BYTES_MAX; i++) {
    const byte = bytes[start + i];
    if (byte === undefined) fault("a varint that ends too early");
    value |= BigInt(byte & 0x7f) << BigInt(7 * i);
    if (byte < 0x80) {
      if (byte === 0 && i > 0) fault("a varint that is not the shortest");
      return [value, start + i + 1];
    }
  }
  return fault("a varint of more than 9 bytes");
}

function readBinary(bytes, { inText, written }) {
  let at = 0;
  const next = () => {
    const [value, end] = readVarint(bytes, at);
    at = end;
    return value;
  };
  if (next() !== 1n) fault("no CIDv1");
  const codec = next();
  const hash = next();
  const length = next();
  const digest = bytes.subarray(at);
  if (BigInt(digest.length) !== length) fault("a digest of another length");
  if (codec === LIBP2P_KEY) return new Cid(codec, hash, digest, written);
  if (hash === IDENTITY) {
    if (!inText || codec !== RAW) fault("an identity hash");
    const cid = rawOf(digest);
    cid.written = written;
    return cid;
  }
  if (DIGEST_BYTES.get(hash) !== digest.length) fault("a hash of no use");
  return new Cid(codec, hash, digest);
}

/** A CID in a block or a DAG-CBOR document: no identity, no CIDv0. */
export const cidFromBytes = (bytes) => readBinary(bytes, { inText: false });

/** CID text, exactly as the section lists it. */
export function cidFromText(text) {
  if (text.length > CID_TEXT_MAX) fault("CID text of more than 4096 characters");
  if (/^Qm[1-9A-HJ-NP-Za-km-z]{44}$/.test(text)) {
    const bytes = base58btc.baseDecode(text);
    if (bytes.length !== 34 || bytes[0] !== 0x12 || bytes[1] !== 0x20) {
      fault("no CIDv0");
    }
    return new Cid(DAG_PB, SHA2_256, bytes.subarray(2), text);
  }
  const base = BASES[text[0]];
  if (!base) fault("no CID");
  const cid = readBinary(base(text.slice(1)), { inText: true, written: text });
  if (cid.isName) cid.written = text;
  return cid;
}

export function isCidText(text) {
  try {
    cidFromText(text);
    return true;
  } catch {
    return false;
  }
}

// Multibase. Own code where a library forgives spare bits or padding.

const BASE32 = "abcdefghijklmnopqrstuvwxyz234567";
const BASE32HEX = "0123456789abcdefghijklmnopqrstuv";
const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE64URL = BASE64.slice(0, 62) + "-_";

function encodeBits(bytes, alphabet, width) {
  let out = "";
  let buffer = 0;
  let bits = 0;
  for (const byte of bytes) {
    buffer = (buffer << 8) | byte;
    bits += 8;
    while (bits >= width) {
      bits -= width;
      out += alphabet[(buffer >> bits) & ((1 << width) - 1)];
    }
    buffer &= (1 << bits) - 1;
  }
  if (bits) out += alphabet[(buffer << (width - bits)) & ((1 << width) - 1)];
  return out;
}

/** Spare bits zero, and no group of them that holds no byte. */
function decodeBits(text, alphabet, width) {
  const out = [];
  let buffer = 0;
  let bits = 0;
  for (const character of text) {
    const value = alphabet.indexOf(character);
    if (value < 0) fault("a character that its base does not have");
    buffer = (buffer << width) | value;
    bits += width;
    if (bits >= 8) {
      bits -= 8;
      out.push((buffer >> bits) & 0xff);
      buffer &= (1 << bits) - 1;
    }
  }
  if (bits >= width) fault("a character too many");
  if (buffer) fault("spare bits that are not zero");
  return Uint8Array.from(out);
}

const asciiLower = (text) => {
  if (/[^\x21-\x7e]/.test(text)) fault("a character that its base does not have");
  return text.toLowerCase();
};
const bitsOf = (alphabet, width) => (text) => decodeBits(text, alphabet, width);
const folded = (inner) => (text) => inner(asciiLower(text));

const padded = (inner, group) => (text) => {
  const body = text.replace(/=+$/, "");
  const due = (group - (body.length % group)) % group;
  if (text.length - body.length !== due) fault("padding that is not due");
  return inner(body);
};

/** Bases that are no power of two: leading zeros stand for zero bytes. */
const bigBase = (alphabet) => (text) => {
  let value = 0n;
  const base = BigInt(alphabet.length);
  for (const character of text) {
    const digit = alphabet.indexOf(character);
    if (digit < 0) fault("a character that its base does not have");
    value = value * base + BigInt(digit);
  }
  const zeros = text.length - text.replace(new RegExp(`^${alphabet[0]}+`), "").length;
  let hex = value === 0n ? "" : value.toString(16);
  if (hex.length % 2) hex = "0" + hex;
  return concat(new Uint8Array(zeros), Buffer.from(hex, "hex"));
};

const ofLibrary = (codec) => (text) => {
  try {
    return codec.baseDecode(text);
  } catch {
    return fault("a character that its base does not have");
  }
};

/** The text names proquint only; that its texts go on `ro-` is multibase's. */
function proquint(text) {
  const words = /^ro-([a-z-]+)$/.exec(text)?.[1].split("-");
  if (!words) fault("no proquint");
  const out = [];
  const consonants = "bdfghjklmnprstvz";
  const vowels = "aiou";
  for (const word of words) {
    const match = /^([b-z])([aiou])([b-z])([aiou])([b-z])$/.exec(word);
    if (!match) fault("no proquint");
    const value = match.slice(1).reduce((sum, letter, i) => {
      const digit = (i % 2 ? vowels : consonants).indexOf(letter);
      if (digit < 0) fault("no proquint");
      return sum * (i % 2 ? 4 : 16) + digit;
    }, 0);
    out.push(value >> 8, value & 0xff);
  }
  return Uint8Array.from(out);
}

const base32 = folded(bitsOf(BASE32, 5));
const base32hex = folded(bitsOf(BASE32HEX, 5));
const base16 = folded(bitsOf("0123456789abcdef", 4));
const base36 = folded(bigBase("0123456789abcdefghijklmnopqrstuvwxyz"));
const base64 = bitsOf(BASE64, 6);
const base64url = bitsOf(BASE64URL, 6);

const BASES = {
  0: bitsOf("01", 1),
  7: bitsOf("01234567", 3),
  9: bigBase("0123456789"),
  f: base16,
  F: base16,
  v: base32hex,
  V: base32hex,
  t: padded(base32hex, 8),
  T: padded(base32hex, 8),
  b: base32,
  B: base32,
  c: padded(base32, 8),
  C: padded(base32, 8),
  h: bitsOf("ybndrfg8ejkmcpqxot1uwisza345h769", 5),
  k: base36,
  K: base36,
  z: ofLibrary(base58btc),
  Z: ofLibrary(base58flickr),
  m: base64,
  M: padded(base64, 4),
  u: base64url,
  U: padded(base64url, 4),
  p: proquint,
};

export const base32hexBytes = (text) => decodeBits(text, BASE32HEX, 5);
