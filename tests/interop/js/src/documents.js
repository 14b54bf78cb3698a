/** Reading documents: invocation.md, "Reading documents". */
import { fromUtf8 } from "./bytes.js";
import { readVarint } from "./cid.js";
import { decode } from "./dagcbor.js";
import { placed, Refused, refuse } from "./errors.js";
import { NotJson, parseJson } from "./json.js";
import { holdsTemplate } from "./tree.js";
import { parseYaml } from "./yamltext.js";

const DOCUMENT_BYTES_MAX = 16777216;
const CAR_HEADER = "a265726f6f7473";

/** {syntax: "car" | "cbor" | "json" | "yaml" | "template" | "derivation", tree | bytes | text} */
export function readDocument(bytes) {
  if (bytes.length > DOCUMENT_BYTES_MAX) refuse("", "a document too large");
  if (isCar(bytes)) return { syntax: "car", bytes };
  if (bytes[0] >= 0x80 && bytes[0] <= 0xbf) {
    const tree = placed("", () => decode(bytes, { floats: true }));
    return { syntax: "cbor", tree };
  }
  return readText(bytes);
}

function isCar(bytes) {
  try {
    const [, end] = readVarint(bytes, 0);
    return Buffer.from(bytes.subarray(end, end + 7)).toString("hex") === CAR_HEADER;
  } catch {
    return false;
  }
}

function readText(bytes) {
  const start = Buffer.from(bytes.subarray(0, 3)).toString("hex");
  if (start === "efbbbf" || /^(fffe|feff)/.test(start)) {
    refuse("", "a byte order mark");
  }
  const text = fromUtf8(bytes) ?? refuse("", "bytes that are not UTF-8");
  const first = text.replace(/^[ \t\r\n]+/, "")[0];
  if (first === undefined) refuse("", "nothing");
  if (/^(Derive|DrvWithVersion)\(/.test(text)) return { syntax: "derivation", text };
  if (first !== "{" && first !== "[") {
    return { syntax: "yaml", tree: parseYaml(text) };
  }
  try {
    return { syntax: "json", tree: parseJson(text) };
  } catch (error) {
    if (!(error instanceof NotJson || error instanceof Refused)) throw error;
    if (holdsTemplate(text)) return { syntax: "template", text };
    if (error instanceof Refused) throw error;
    return refuse("", "neither JSON nor a template");
  }
}
