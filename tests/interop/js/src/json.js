/** JSON as invocation.md, "JSON" has it: one value for one text. */
import { refuse } from "./errors.js";
import { below, DocMap } from "./tree.js";

export const DOCUMENT_DEPTH_MAX = 128;
const INT_MIN = -(2n ** 63n);
const INT_MAX = 2n ** 64n - 1n;

/** The text is no JSON at all: a template, perhaps. */
export class NotJson extends Error {}

export function parseJson(text) {
  const reader = new Reader(text);
  const value = reader.document();
  // Only now: a text that is no JSON is not refused for what stands before.
  if (reader.refusal) refuse(...reader.refusal);
  return value;
}

/** The value of a numeral without a fraction, an integer if 64 bits hold it. */
export function integerOrFloat(value, numeral) {
  return value >= INT_MIN && value <= INT_MAX ? value : Number(numeral);
}

const ESCAPES = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};
const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?/y;
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const LONE_SURROGATE = /\p{Surrogate}/u;

class Reader {
  constructor(text) {
    this.text = text;
    this.at = 0;
    this.refusal = null;
  }

  document() {
    const value = this.value("", 0);
    this.space();
    if (this.at !== this.text.length) this.fail();
    return value;
  }

  fail() {
    throw new NotJson(`no JSON at character ${this.at}`);
  }

  wrong(place, reason) {
    this.refusal ??= [place, reason];
  }

  space() {
    while (/[ \t\r\n]/.test(this.text[this.at] ?? "")) this.at++;
  }

  expect(character) {
    if (this.text[this.at] !== character) this.fail();
    this.at++;
  }

  value(place, depth) {
    this.space();
    switch (this.text[this.at]) {
      case "{":
        return this.map(place, depth + 1);
      case "[":
        return this.list(place, depth + 1);
      case '"':
        return this.string(place);
      case "t":
        return this.word("true", true);
      case "f":
        return this.word("false", false);
      case "n":
        return this.word("null", null);
      default:
        return this.number(place);
    }
  }

  word(word, value) {
    if (!this.text.startsWith(word, this.at)) this.fail();
    this.at += word.length;
    return value;
  }

  map(place, depth) {
    if (depth > DOCUMENT_DEPTH_MAX) refuse("", "deeper than 128 levels");
    const out = new DocMap();
    this.expect("{");
    this.space();
    if (this.text[this.at] === "}") {
      this.at++;
      return out;
    }
    for (;;) {
      this.space();
      const key = this.string(place);
      const inner = below(place, key);
      if (out.has(key)) this.wrong(inner, "a key twice");
      this.space();
      this.expect(":");
      out.set(key, this.value(inner, depth));
      this.space();
      if (this.text[this.at] === "}") break;
      this.expect(",");
    }
    this.at++;
    return out;
  }

  list(place, depth) {
    if (depth > DOCUMENT_DEPTH_MAX) refuse("", "deeper than 128 levels");
    const out = [];
    this.expect("[");
    this.space();
    if (this.text[this.at] === "]") {
      this.at++;
      return out;
    }
    for (;;) {
      out.push(this.value(below(place, out.length), depth));
      this.space();
      if (this.text[this.at] === "]") break;
      this.expect(",");
    }
    this.at++;
    return out;
  }

  string(place) {
    this.expect('"');
    let out = "";
    for (;;) {
      PLAIN.lastIndex = this.at;
      const plain = PLAIN.exec(this.text)[0];
      out += plain;
      this.at += plain.length;
      if (this.text[this.at] !== "\\") break;
      out += this.escape();
    }
    this.expect('"');
    if (LONE_SURROGATE.test(out)) this.wrong(place, "a lone surrogate");
    return out;
  }

  escape() {
    const letter = this.text[this.at + 1];
    if (letter === "u") {
      const digits = this.text.slice(this.at + 2, this.at + 6);
      if (!/^[0-9A-Fa-f]{4}$/.test(digits)) this.fail();
      this.at += 6;
      return String.fromCharCode(parseInt(digits, 16));
    }
    if (!Object.hasOwn(ESCAPES, letter ?? "")) this.fail();
    this.at += 2;
    return ESCAPES[letter];
  }

  number(place) {
    NUMBER.lastIndex = this.at;
    const match = NUMBER.exec(this.text);
    if (!match) this.fail();
    const [numeral, fraction, exponent] = match;
    this.at += numeral.length;
    const whole = fraction === undefined && exponent === undefined;
    if (whole && numeral !== "-0") {
      const value = integerOrFloat(BigInt(numeral), numeral);
      if (value === Infinity || value === -Infinity) this.wrong(place, "overflow");
      return value;
    }
    const value = Number(numeral);
    if (Object.is(value, -0)) this.wrong(place, "-0");
    if (!Number.isFinite(value)) this.wrong(place, "beyond float64");
    return value;
  }
}
