/** Messages of the Remote Execution API in their one encoding: forms/reapi.md. */
import { fromUtf8 } from "./bytes.js";
import { readVarint } from "./cid.js";
import { fault } from "./errors.js";

const PAIR = { 1: ["name", "text"], 2: ["value", "text"] };
const TIME = { 1: ["seconds", "int64"], 2: ["nanos", "int32"] };

/** Number -> name and type; a type in brackets is repeated. */
const MESSAGES = {
  Action: {
    1: ["command_digest", "Digest"],
    2: ["input_root_digest", "Digest"],
    6: ["timeout", "Time"],
    7: ["do_not_cache", "bool"],
    9: ["salt", "bytes"],
    10: ["platform", "Platform"],
  },
  Command: {
    1: ["arguments", "[text]"],
    2: ["environment_variables", "[Pair]"],
    3: ["output_files", "[text]"],
    4: ["output_directories", "[text]"],
    5: ["platform", "Platform"],
    6: ["working_directory", "text"],
    7: ["output_paths", "[text]"],
    8: ["output_node_properties", "[text]"],
    9: ["output_directory_format", "int32"],
  },
  Directory: {
    1: ["files", "[FileNode]"],
    2: ["directories", "[DirectoryNode]"],
    3: ["symlinks", "[SymlinkNode]"],
    5: ["node_properties", "NodeProperties"],
  },
  FileNode: {
    1: ["name", "text"],
    2: ["digest", "Digest"],
    4: ["is_executable", "bool"],
    6: ["node_properties", "NodeProperties"],
  },
  DirectoryNode: { 1: ["name", "text"], 2: ["digest", "Digest"] },
  SymlinkNode: {
    1: ["name", "text"],
    2: ["target", "text"],
    4: ["node_properties", "NodeProperties"],
  },
  NodeProperties: {
    1: ["properties", "[Pair]"],
    2: ["mtime", "Time"],
    3: ["unix_mode", "UInt32Value"],
  },
  Platform: { 1: ["properties", "[Pair]"] },
  Digest: { 1: ["hash", "text"], 2: ["size_bytes", "int64"] },
  UInt32Value: { 1: ["value", "uint32"] },
  Pair: PAIR,
  Time: TIME,
};

const DEFAULTS = { text: "", int64: 0n, int32: 0n, uint32: 0n, bool: false };

/** All fields by name: absent messages are null, absent scalars their default. */
export function readMessage(name, bytes) {
  const fields = MESSAGES[name];
  const out = {};
  for (const [field, type] of Object.values(fields)) {
    if (type.startsWith("[")) out[field] = [];
    else out[field] = type in DEFAULTS ? DEFAULTS[type] : null;
  }
  let at = 0;
  let last = 0n;
  while (at < bytes.length) {
    const [tag, start] = readVarint(bytes, at);
    const number = tag >> 3n;
    const [field, type] = fields[number] ?? fault("an unknown field");
    const item = type.replace(/[[\]]/g, "");
    const isRepeated = item !== type;
    if (number < last || (number === last && !isRepeated)) fault("a field out of order");
    last = number;
    const isNumber = ["int64", "int32", "uint32", "bool"].includes(item);
    if ((tag & 7n) !== (isNumber ? 0n : 2n)) fault("a field of another type");
    const [value, end] = isNumber ? numberAt(bytes, start, item) : valueAt(bytes, start, item);
    if (!isRepeated && isDefault(value)) fault("a default that is written out");
    if (isRepeated) out[field].push(value);
    else out[field] = value;
    at = end;
  }
  return out;
}

const isDefault = (value) =>
  value === "" ||
  value === 0n ||
  value === false ||
  (value instanceof Uint8Array && value.length === 0);

/** A varint of 64 bits, in its shortest form: as many as ten bytes. */
function numberAt(bytes, start, type) {
  let value = 0n;
  let at = start;
  for (; ; at++) {
    const byte = bytes[at];
    if (byte === undefined || at - start > 9) fault("a number that does not end");
    value |= BigInt(byte & 0x7f) << BigInt(7 * (at - start));
    if (byte >= 0x80) continue;
    if (byte === 0 && at > start) fault("a number with spare bytes");
    break;
  }
  if (value >> 64n) fault("a number of more than 64 bits");
  const whole = BigInt.asIntN(64, value);
  if (type === "bool" && value > 1n) fault("no truth value");
  if (type === "int32" && BigInt.asIntN(32, whole) !== whole) fault("no int32");
  if (type === "uint32" && value >> 32n) fault("no uint32");
  return [type === "bool" ? value === 1n : whole, at + 1];
}

function valueAt(bytes, start, type) {
  const [length, begin] = readVarint(bytes, start);
  const end = begin + Number(length);
  if (end > bytes.length) fault("it breaks off");
  const data = bytes.subarray(begin, end);
  if (type === "bytes") return [data, end];
  if (type === "text") return [fromUtf8(data) ?? fault("no UTF-8"), end];
  return [readMessage(type, data), end];
}
