/** DAG-JSON: invocation.md, "DAG-JSON". */
import { fromBase64, toBase64 } from "./bytes.js";
import { cidFromText } from "./cid.js";
import { placed, refuse } from "./errors.js";
import { Ambiguous, below, isMap, isText } from "./tree.js";

export function fromDagJson(value, at) {
  if (value instanceof Ambiguous) refuse(at, "a scalar that readers disagree on");
  if (Object.is(value, -0)) refuse(at, "-0.0");
  if (Array.isArray(value)) {
    return value.map((item, i) => fromDagJson(item, below(at, i)));
  }
  if (!isMap(value)) return value;
  if (value.has("/")) return linkOrBytes(value, at);
  const out = new Map();
  for (const [key, item] of value) {
    if (value.odd?.has(key)) refuse(below(at, key), "a key that is no text");
    out.set(key, fromDagJson(item, below(at, key)));
  }
  return out;
}

function linkOrBytes(map, at) {
  const value = map.get("/");
  if (map.size !== 1) refuse(at, "a map with the key /");
  if (isText(value)) return placed(at, () => cidFromText(value));
  const inner = isMap(value) && value.size === 1 ? value.get("bytes") : undefined;
  if (!isText(inner)) refuse(at, "a map with the key /");
  const bytes = fromBase64(inner, { padding: "none" });
  if (bytes === null || toBase64(bytes) !== inner) refuse(at, "no base64");
  return bytes;
}
