/**
 * YAML as invocation.md, "YAML" has it. The `yaml` package gives the nodes with
 * their characters (its failsafe schema: no value is guessed); the two tables
 * of the section give values.
 */
import {
  CST,
  LineCounter,
  Composer,
  Parser,
  isAlias,
  isMap,
  isScalar,
  isSeq,
} from "yaml";
import { refuse } from "./errors.js";
import { DOCUMENT_DEPTH_MAX, integerOrFloat } from "./json.js";
import { Ambiguous, below, DocMap } from "./tree.js";

const NODES_MAX = 1000000;
const CHARACTERS_MAX = 16777216;
const NUMERAL_MAX = 400;
const KEY_MAX = 1024;
const DIRECTIVE =
  /^(?:[ \t]*(?:#[^\r\n]*)?(?:\r\n|[\r\n]))*%YAML[ \t]+1\.[12](?:[ \t]+#[^\r\n]*|[ \t]*)(?=[\r\n]|$)/;

// The characters of YAML 1.1 (c-printable), without those the section refuses.
const UNPRINTABLE =
  /[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\u{10000}-\u{10ffff}]/u;

export function parseYaml(written) {
  if (UNPRINTABLE.test(written)) refuse("", "a character that YAML has not");
  // A break is CR LF, CR or LF, and LF in values; the package knows no lone CR.
  const text = written.replace(/\r\n?/g, "\n");
  const rest = text.slice(DIRECTIVE.exec(text)?.[0].length ?? 0);
  const lines = rest === text ? text.split(/[\r\n]/) : rest.split(/[\r\n]/).slice(1);
  if (lines.some((line) => line.startsWith("%"))) refuse("", "a directive");
  const document = compose(text);
  return new Tree(text).value(document.contents, "", 0).value;
}

function compose(text) {
  const tokens = [...new Parser(new LineCounter().addNewLine).parse(text)];
  for (const token of tokens) {
    if (token.type === "document") {
      refuseTags(token);
      refuseFarKeys(token, text);
      refuseColons(token, text);
    }
  }
  const options = {
    version: "1.1",
    schema: "failsafe",
    merge: false,
    uniqueKeys: false,
    strict: true,
    prettyErrors: false,
  };
  const documents = [...new Composer(options).compose(tokens, true, text.length)];
  if (documents.length !== 1) refuse("", "more than one document");
  const [document] = documents;
  if (document.errors.length) refuse("", document.errors[0].message);
  return document;
}

function refuseTags(document) {
  const isTag = (token) => token.type === "tag";
  if (document.start.some(isTag)) refuse("", "a tag");
  if (!document.value) return;
  CST.visit(document, ({ start, key, sep, value }) => {
    const before = [start, sep].flatMap((tokens) => tokens ?? []);
    if (before.some(isTag)) refuse("", "a tag");
    return key || value ? undefined : CST.visit.SKIP;
  });
}

/** A key without `?` and its `:` are on one line, not far apart. */
function refuseFarKeys(document, text) {
  if (!document.value) return;
  CST.visit(document, ({ start, key, sep, value }) => {
    const colon = sep?.find(({ type }) => type === "map-value-ind");
    const isExplicit = start.some(({ type }) => type === "explicit-key-ind");
    if (key && colon && !isExplicit) {
      const first = start.find(({ type }) => type === "anchor") ?? key;
      const between = text.slice(offsetOf(first), offsetOf(colon));
      if (/[\r\n]/.test(between) || [...between].length > KEY_MAX) {
        refuse("", "a key far from its colon");
      }
    }
    return key || value ? undefined : CST.visit.SKIP;
  });
}

/** Colons of flow style that libyaml does not take for what others do. */
function refuseColons(document, text) {
  if (!document.value) return;
  CST.visit(document, ({ start, key, sep, value }, path) => {
    const next = key || value ? undefined : CST.visit.SKIP;
    const above = path.length ? CST.visit.parentCollection(document, path) : null;
    if (above?.type !== "flow-collection") return next;
    const colon = sep?.find(({ type }) => type === "map-value-ind");
    const isExplicit = start.some(({ type }) => type === "explicit-key-ind");
    if (colon && !key && !isExplicit) refuse("", "a colon where a node begins");
    for (const plain of [key, value].filter((one) => one?.type === "scalar")) {
      if (/^:|:\?/.test(plain.source)) refuse("", "a colon where a node begins");
    }
    if (colon && key?.type === "scalar" && /[,?[\]{}]/.test(text[offsetOf(colon) + 1])) {
      refuse("", "a colon before an indicator");
    }
    return next;
  });
}

const offsetOf = ({ offset, start }) => offset ?? start.offset;

class Tree {
  anchors = new Map();
  nodes = 0;
  characters = 0;

  constructor(text) {
    this.text = text;
  }

  /** {value, depth, nodes, plain}: what an alias to it has to know. */
  value(node, at, depth) {
    if (isAlias(node)) return this.alias(node, at, depth);
    const entry = { open: true };
    if (node?.anchor) this.anchors.set(node.anchor, entry);
    const { nodes, characters } = this;
    this.count(1, 0, at);
    Object.assign(entry, this.read(node, at, depth), { open: false });
    if (entry.text !== undefined) this.count(0, [...entry.text].length, at);
    entry.nodes = this.nodes - nodes;
    entry.characters = this.characters - characters;
    return entry;
  }

  count(nodes, characters, at) {
    this.nodes += nodes;
    this.characters += characters;
    if (this.nodes > NODES_MAX) refuse(at, "more than 1000000 nodes");
    if (this.characters > CHARACTERS_MAX) refuse(at, "too many characters");
  }

  alias(node, at, depth) {
    const entry = this.anchors.get(node.source);
    if (!entry || entry.open) refuse(at, "an alias before or inside its anchor");
    this.count(entry.nodes, entry.characters, at);
    if (depth + entry.depth > DOCUMENT_DEPTH_MAX) {
      refuse(at, "deeper than 128 levels");
    }
    return entry;
  }

  read(node, at, depth) {
    if (isMap(node)) return this.map(node, at, depth + 1);
    if (isSeq(node)) return this.list(node, at, depth + 1);
    const plain =
      !isScalar(node) || !["QUOTE_DOUBLE", ...AS_WRITTEN].includes(node.type);
    if (node?.type === "QUOTE_DOUBLE") this.refuseSurrogates(node, at);
    const text = String((plain ? (node?.source ?? node?.value) : node.value) ?? "");
    const value = plain ? plainValue(text, at) : text;
    return { value, depth: 0, text, plain };
  }

  /** libyaml takes no escape of a surrogate, not even of a pair. */
  refuseSurrogates(node, at) {
    const source = this.text.slice(node.range[0], node.range[1]);
    if (/\\u[dD][89a-fA-F]/.test(source.replaceAll("\\\\", ""))) {
      refuse(at, "an escape of a surrogate");
    }
  }

  list(node, at, depth) {
    if (depth > DOCUMENT_DEPTH_MAX) refuse(at, "deeper than 128 levels");
    const value = [];
    let most = 0;
    for (const item of node.items) {
      const inner = this.value(item, below(at, value.length), depth);
      most = Math.max(most, inner.depth);
      value.push(inner.value);
    }
    return { value, depth: most + 1 };
  }

  map(node, at, depth) {
    if (depth > DOCUMENT_DEPTH_MAX) refuse(at, "deeper than 128 levels");
    const value = new DocMap();
    let most = 0;
    for (const pair of node.items) {
      const key = this.value(pair.key, at, depth);
      if (key.text === undefined) refuse(at, "a key that is a map or a list");
      const place = below(at, key.text);
      if (key.plain && key.text === "<<") refuse(place, "a merge key");
      if (value.has(key.text)) refuse(place, "a key twice");
      if (typeof key.value !== "string") value.odd.add(key.text);
      const inner = this.value(pair.value, place, depth);
      most = Math.max(most, inner.depth);
      value.set(key.text, inner.value);
    }
    return { value, depth: most + 1 };
  }
}

const AS_WRITTEN = ["QUOTE_SINGLE", "BLOCK_LITERAL", "BLOCK_FOLDED"];
const NULLS = new Set(["", "~", "null", "Null", "NULL"]);
const spellings = (words) =>
  words.flatMap((word) => [
    word,
    word.toUpperCase(),
    word[0].toUpperCase() + word.slice(1),
  ]);
const TRUE_1_1 = new Set(spellings(["y", "yes", "true", "on"]));
const FALSE_1_1 = new Set(spellings(["n", "no", "false", "off"]));
const TRUE_1_2 = new Set(spellings(["true"]));
const FALSE_1_2 = new Set(spellings(["false"]));
const INT_1_1 =
  /^[-+]?(0b[01_]+|0x[0-9a-fA-F_]+|0[0-7_]+|0|[1-9][0-9_]*(:[0-5]?[0-9])*)$/;
const FLOAT_1_1 =
  /^([-+]?([0-9][0-9_]*)?\.[0-9_]*([eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+\.[0-9_]*)$/;
const INT_1_2 = /^([-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$/;
const FLOAT_1_2 = /^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/;
const NO_NUMBER = /^([-+]?\.(inf|Inf|INF)|\.nan|\.NaN|\.NAN)$/;

function plainValue(text, at) {
  if (NO_NUMBER.test(text)) refuse(at, "infinity, or not a number");
  const old = read11(text);
  const core = read12(text);
  const numeral = old !== text || core !== text;
  if (numeral && text.length > NUMERAL_MAX) return new Ambiguous(text);
  if (!Number.isFinite(old) && typeof old === "number") return new Ambiguous(text);
  if (!Object.is(old, core)) return new Ambiguous(text);
  if (text.startsWith("-") && (old === 0n || old === 0)) refuse(at, "-0");
  return old;
}

function read11(text) {
  if (NULLS.has(text)) return null;
  if (TRUE_1_1.has(text)) return true;
  if (FALSE_1_1.has(text)) return false;
  if (INT_1_1.test(text)) return integer11(text);
  if (FLOAT_1_1.test(text)) return float11(text);
  return text;
}

function integer11(text) {
  const [, sign, body] = /^([-+]?)(.*)$/.exec(text.replaceAll("_", ""));
  if (body.includes(":")) {
    return signed(sign, sexagesimal(body.split(":").map(BigInt)));
  }
  const [, prefix, digits] = /^(0b|0x|0(?=.))?(.*)$/.exec(body);
  if (digits === "") return text;
  const literal = { "0b": "0b", "0x": "0x", 0: "0o" }[prefix] ?? "";
  return signed(sign, BigInt(literal + digits));
}

function float11(text) {
  const numeral = text.replaceAll("_", "");
  if (numeral.includes(":")) return new Ambiguous(text); // text to YAML 1.2
  if (!/^[-+]?(\.[0-9]|[0-9])/.test(numeral)) return text;
  return Number(numeral);
}

function read12(text) {
  if (NULLS.has(text)) return null;
  if (TRUE_1_2.has(text)) return true;
  if (FALSE_1_2.has(text)) return false;
  if (INT_1_2.test(text)) {
    const [, sign, body] = /^([-+]?)(.*)$/.exec(text);
    return signed(sign, BigInt(body));
  }
  return FLOAT_1_2.test(text) ? Number(text) : text;
}

const sexagesimal = (parts) => parts.reduce((sum, part) => sum * 60n + part, 0n);

function signed(sign, magnitude) {
  const value = sign === "-" ? -magnitude : magnitude;
  return integerOrFloat(value, value);
}
