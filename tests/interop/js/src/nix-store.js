/** Paths of a Nix store and texts of derivations: forms/nix.md. */
import { createHash } from "node:crypto";
import { compareText, toUtf8 } from "./bytes.js";
import { fault } from "./errors.js";

const STORE = "/nix/store/";
const LETTERS = "0123456789abcdfghijklmnpqrsvwxyz";
const NAME = "(?!\\.\\.?(?:-|$))[0-9A-Za-z+\\-._?=]{1,211}";
const IS_NAME = new RegExp(`^${NAME}$`);
const IS_BASE = new RegExp(`^[${LETTERS}]{32}-${NAME}$`);

const sha256 = (text) => createHash("sha256").update(toUtf8(text)).digest();

export const isName = (text) => IS_NAME.test(text);
export const isStorePath = (text) =>
  text.startsWith(STORE) && IS_BASE.test(text.slice(STORE.length));

/** A path, whole or by its last part. */
export function storePath(text) {
  const path = text.startsWith("/") ? text : STORE + text;
  return isStorePath(path) ? path : fault("no store path");
}

/** The store path that a file name begins with, or null. */
export function under(text) {
  const path = text.split("/").slice(0, 4).join("/");
  return isStorePath(path) ? path : null;
}

function nix32(bytes) {
  let number = BigInt("0x" + Buffer.from(bytes).reverse().toString("hex"));
  let out = "";
  for (let i = 0; i < Math.ceil((bytes.length * 8) / 5); i++) {
    out = LETTERS[Number(number & 31n)] + out;
    number >>= 5n;
  }
  return out;
}

export function derivationPath(name, text, references) {
  const kind = ["text", ...[...new Set(references)].sort(compareText)].join(":");
  const digest = sha256(text).toString("hex");
  const whole = sha256(`${kind}:sha256:${digest}:/nix/store:${name}.drv`);
  const folded = Buffer.alloc(20);
  whole.forEach((byte, i) => (folded[i % 20] ^= byte));
  return `${STORE}${nix32(folded)}-${name}.drv`;
}

/** What stands for an output of another derivation until it is known. */
export function placeholder(drv, output) {
  const [hash, name] = [drv.slice(11, 43), drv.slice(44).replace(/\.drv$/, "")];
  const made = output === "out" ? name : `${name}-${output}`;
  return "/" + nix32(sha256(`nix-upstream-output:${hash}:${made}`));
}

const ESCAPES = { "\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t" };
const PLAIN = { n: "\n", r: "\r", t: "\t" };
const quoted = (text) => `"${text.replace(/[\\"\n\r\t]/g, (one) => ESCAPES[one])}"`;
const list = (items) => `[${items.join(",")}]`;
const tuple = (items) => `(${items.join(",")})`;
const ascending = (map) => [...map].sort(([a], [b]) => compareText(a, b));
const once = (items) => [...new Set(items)].sort(compareText);

/** {outputs: Map, drvs: Map, srcs, system, builder, args, env: Map} */
export function textOf({ outputs, drvs, srcs, system, builder, args, env }) {
  const parts = [
    list(
      ascending(outputs).map(([name, { path, algorithm, hash }]) =>
        tuple([name, path, algorithm, hash].map(quoted)),
      ),
    ),
    list(
      ascending(drvs).map(([path, names]) =>
        tuple([quoted(path), list(once(names).map(quoted))]),
      ),
    ),
    list(once(srcs).map(quoted)),
    quoted(system),
    quoted(builder),
    list(args.map(quoted)),
    list(ascending(env).map((pair) => tuple(pair.map(quoted)))),
  ];
  return `Derive(${parts.join(",")})`;
}

export function derivationOf(text) {
  let at = 0;
  const take = (word) => {
    if (!text.startsWith(word, at)) fault(`no ${word} where it is due`);
    at += word.length;
  };
  const string = () => {
    const pattern = /"([^"\\]*(?:\\[^][^"\\]*)*)"/y;
    pattern.lastIndex = at;
    const match = pattern.exec(text) ?? fault("no string where it is due");
    at = pattern.lastIndex;
    return match[1].replace(/\\([^])/gu, (_, one) => PLAIN[one] ?? one);
  };
  const items = (item) => {
    const out = [];
    take("[");
    while (text[at] !== "]") {
      if (out.length) take(",");
      out.push(item());
    }
    take("]");
    return out;
  };
  const parts = (...readers) => {
    const out = [];
    take("(");
    readers.forEach((read, i) => {
      if (i) take(",");
      out.push(read());
    });
    take(")");
    return out;
  };
  const path = () => storePath(string());
  const found = {};
  take("Derive(");
  const outputs = items(() => parts(string, string, string, string));
  found.outputs = new Map(
    outputs.map(([name, where, algorithm, hash]) => [
      name,
      { path: where === "" ? "" : storePath(where), algorithm, hash },
    ]),
  );
  take(",");
  found.drvs = new Map(items(() => parts(path, () => items(string))));
  take(",");
  found.srcs = items(path);
  take(",");
  found.system = string();
  take(",");
  found.builder = string();
  take(",");
  found.args = items(string);
  take(",");
  found.env = new Map(items(() => parts(string, string)));
  take(")");
  if (textOf(found) !== text) fault("not as Nix writes it");
  return found;
}
