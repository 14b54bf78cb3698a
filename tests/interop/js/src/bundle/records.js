/** Records and results that an answer is made of: records.md, result.md. */
import { compare, compareText, equal, toHex, utf8Length } from "../bytes.js";
import { Cid } from "../cid.js";
import { decode, encode } from "../dagcbor.js";
import { fault } from "../errors.js";
import { checkPath } from "../paths.js";

const INTEGER_MAX = 2n ** 53n - 1n;
const isText = (one) => typeof one === "string";
const isList = (one) => Array.isArray(one) && one.length > 0;
const isMap = (one) => one instanceof Map && one.size > 0;
const isLink = (one) => one instanceof Cid && !one.isName;
export const isOurs = (one) =>
  one instanceof Cid && toHex(one.bytes.subarray(0, 4)) === "01711220";
const isInteger = (one) => typeof one === "bigint" && one >= 0n && one <= INTEGER_MAX;
const isCount = (one) => isInteger(one) && one > 0n;
const isBytes = (length) => (one) => one instanceof Uint8Array && one.length === length;
const between = (low, high, text) =>
  isText(text) && utf8Length(text) >= low && utf8Length(text) <= high;

const isLabel = (one) => between(1, 512, one) && !/[\0-\x1f\x7f-\x9f]/.test(one);
const isWords = (one) => between(1, 4096, one) && !one.includes("\0");
const isValue = (one) => between(0, 4096, one) && !one.includes("\0");
const isReference = (one) => between(1, 8192, one) && !one.includes("\0");
const NETWORK = /^[a-z][a-z0-9]*(-[a-z0-9]+)*(:[a-z0-9]+([-._][a-z0-9]+)*)?$/;
const isNetwork = (one) => between(1, 64, one) && NETWORK.test(one);
const PLATFORM = /^[a-z0-9]+([-._][a-z0-9]+)*(\/[a-z0-9]+([-._][a-z0-9]+)*){1,2}$/;
const isPlatform = (one) => isLabel(one) && PLATFORM.test(one);
const URL_TEXT =
  /^(ftp|gftp|https?|ipfs|s3):\/\/[^/?#@]+([/?#][\w\-.~:/?#[\]@!$&'()*+,;=%]*)?$/;
const isUrl = (one) => between(1, 2048, one) && URL_TEXT.test(one);

const isSet = (isOne, most, order) => (list) =>
  isList(list) &&
  list.length <= most &&
  list.every((one, at) => isOne(one) && (at === 0 || order(list[at - 1], one) < 0));
const byBytes = (a, b) => compare(a.bytes, b.bytes);
const isMapOf = (isKey, isOne, most) => (map) =>
  isMap(map) && map.size <= most && [...map].every(([k, v]) => isKey(k) && isOne(v));

function isCleanPath(path) {
  try {
    return isText(path) && checkPath(path, "") === path;
  } catch {
    return false;
  }
}

/** Whether a map has just these fields; those with `?` may be absent. */
const isShape = (shape) => (map) => {
  if (!(map instanceof Map)) return false;
  const names = Object.keys(shape).map((name) => name.replace("?", ""));
  return (
    [...map.keys()].every((name) => names.includes(name)) &&
    Object.entries(shape).every(([name, isOne]) => {
      const value = map.get(name.replace("?", ""));
      return value === undefined ? name.endsWith("?") : isOne(value);
    })
  );
};

const FAILURES = ["trap", "limit", "time-out", "not-started", "other"];
const isMeaningValue = (one) =>
  isValue(one) ||
  (Array.isArray(one) && one.every(isValue)) ||
  (one instanceof Map && [...one].every(([k, v]) => isLabel(k) && isValue(v)));
const isMeaning = (one) => isWords(one) || isMapOf(isLabel, isMeaningValue, 256)(one);
const isUrls = (list) =>
  isList(list) &&
  list.length <= 16 &&
  list.every(isUrl) &&
  new Set(list).size === list.length;

const SHAPES = {
  claim: isShape({
    type: isText,
    invocation: isOurs,
    network: isNetwork,
    "result?": isOurs,
    "failure?": isShape({ kind: (one) => FAILURES.includes(one), "message?": isWords }),
    "executor?": isLabel,
    "job?": isLabel,
    "platform?": isPlatform,
    "dirs?": isSet(isCleanPath, 256, compareText),
    "started?": isInteger,
    "finished?": isInteger,
    "limits?": (one) =>
      isMap(one) &&
      isShape({
        "network?": (word) => word === "none" || word === "available",
        "memory_bytes?": isCount,
        "time_s?": isCount,
        "fuel?": isCount,
      })(one),
    "resolutions?": isMapOf(isReference, isMeaning, 1024),
    "evidence?": isSet(isLink, 256, byBytes),
    "at?": isUrls,
    "reveals?": isShape({ commitment: isOurs, salt: isBytes(32) }),
    "withheld?": isSet((one) => one === "input" || one === "program", 2, compareText),
    "native?": isMapOf(isLabel, isValue, 64),
  }),
  profile: isShape({
    type: isText,
    name: isLabel,
    "url?": isUrl,
    "executors?": isMapOf(isNetwork, isSet(isLabel, 1024, compareText), 64),
  }),
  withdrawal: isShape({ type: isText, claim: isOurs, why: isWords }),
};

/** The claim, profile or withdrawal that a block is, or null. */
export function readRecord(block) {
  const record = attempt(() => decode(block));
  if (!(record instanceof Map)) return null;
  const type = record.get("type");
  if (!Object.hasOwn(SHAPES, type) || !SHAPES[type](record)) return null;
  if (type !== "claim") return record;
  const isOne = record.has("result") !== record.has("failure");
  return isOne && (record.has("result") || !record.has("reveals")) ? record : null;
}

export function attempt(work) {
  try {
    return work();
  } catch {
    return null;
  }
}

/** Refuses a block that is no result. */
export function checkResult(block) {
  const result = decode(block);
  if (!isShape({ outputs: isOutputs, "exit?": isExit })(result)) fault("no result");
  const names = [...result.get("outputs").keys()];
  const returns = names.includes("value") || names.includes("error");
  if (names.includes("error") && names.length > 1) fault("more than an error");
  if (returns && result.has("exit")) fault("a function with an exit");
  if (!names.length && !result.has("exit")) fault("a result that says nothing");
  const paths = names.filter((name) => name === "" || name.startsWith("/"));
  for (const path of paths) {
    const inside = (other) => other !== path && other.startsWith(path && `${path}/`);
    if (paths.some(inside)) fault("an output inside another");
  }
  if (!equal(encode(result), block)) fault("another encoding");
}

const isExit = (one) => typeof one === "bigint" && one >= 0n && one < 2n ** 32n;
const isName = (name) =>
  ["", "stdout", "value", "error"].includes(name) ||
  (name !== "/" && isCleanPath(name));
const isOutputs = (map) =>
  map instanceof Map &&
  map.size <= 16384 &&
  [...map].every(([name, value]) => isName(name) && isLink(value));
