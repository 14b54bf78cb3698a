/** What a document is read to, before any form looks at it. */

/** A map of a document; `odd` are keys that YAML's versions do not call text. */
export class DocMap extends Map {
  odd = new Set();
}

/** A plain scalar that YAML 1.1 and 1.2 read differently. */
export class Ambiguous {
  constructor(text) {
    this.text = text;
  }
}

/** Syntaxes that give a tree, whatever the form. */
export const isTree = ({ syntax }) => ["json", "yaml", "cbor"].includes(syntax);

export const isMap = (value) => value instanceof Map;
export const isText = (value) => typeof value === "string";

/** Absent, null, "", [] or {}. */
export function isEmpty(value) {
  return (
    value === undefined ||
    value === null ||
    value === "" ||
    (Array.isArray(value) && value.length === 0) ||
    (isMap(value) && value.size === 0)
  );
}

export const isNothing = (value) => value === undefined || value === null;

const escapePointer = (key) => String(key).replaceAll("~", "~0").replaceAll("/", "~1");

export const below = (at, ...keys) =>
  keys.reduce((path, key) => `${path}/${escapePointer(key)}`, at);

export const holdsTemplate = (text) => text.includes("{{");
