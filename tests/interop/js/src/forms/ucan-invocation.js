/** UCAN invocation 1.0: forms/ucan-invocation.md. */
import { toHex } from "../bytes.js";
import { Cid, cborOf } from "../cid.js";
import { fromDagJson } from "../dagjson.js";
import { encode } from "../dagcbor.js";
import { placed, refuse } from "../errors.js";
import { holds, keyOfDid } from "../signature.js";
import { Task } from "../task.js";
import { below, isMap, isNothing, isText, isTree } from "../tree.js";
import { Call, settleAwaits } from "./calls.js";
import { Fields } from "./fields.js";

const VARSIG = "3401ed01ed011371";

export const network = "ipvm";

export function marks({ syntax, tree }) {
  if (!isTree({ syntax })) return false;
  if (!Array.isArray(tree) || tree.length !== 2 || !isMap(tree[1])) return false;
  return [...tree[1].keys()].some((key) => key.startsWith("ucan/"));
}

const closed = (map, at) => new Fields(map, at, { folds: false });

export function read({ syntax, tree: written }, resolutions) {
  const tree = syntax === "cbor" ? written : fromDagJson(written, "");
  refuseOtherLinks(tree, "");
  const task = new Task(network, resolutions());
  task.form = "UCAN invocation 1.0";
  const { payload, at } = checkToken(tree);
  readPayload(task, payload, at);
  const named = ["sub", "cmd", "args", "nonce"].map((name) => [
    name,
    payload.get(name),
  ]);
  task.aliases["ucan-invocation"] = cborOf(encode(tree)).text;
  task.aliases["ucan-task"] = cborOf(encode(new Map(named))).text;
  return [task];
}

/** The signed bytes cannot be had again where a link is not its text. */
function refuseOtherLinks(value, at) {
  if (value instanceof Cid && (value.written !== null || value.isName)) {
    refuse(at, "a link that is not the binary of its text");
  }
  const inner = Array.isArray(value) ? value.entries() : isMap(value) ? value : [];
  for (const [key, item] of inner) refuseOtherLinks(item, below(at, key));
}

function checkToken(tree) {
  const [signature, signed] = tree;
  if (!(signature instanceof Uint8Array)) refuse("/0", "no bytes");
  const header = signed.get("h");
  const tag = [...signed.keys()].find((key) => key !== "h");
  if (signed.size !== 2 || tag === undefined) refuse("/1", "not h and a tag");
  if (!(header instanceof Uint8Array)) refuse("/1/h", "no bytes");
  const payload = signed.get(tag);
  const at = below("/1", tag);
  if (!isMap(payload)) refuse(at, "no map");
  if (toHex(header) !== VARSIG) refuse("/1/h", "another kind of signature");
  if (!tag.startsWith("ucan/inv@")) refuse(at, "no invocation");
  const issuer = below(at, "iss");
  if (!isText(payload.get("iss"))) refuse(issuer, "no text");
  const key = placed(issuer, () => keyOfDid(payload.get("iss")));
  if (!placed("/0", () => holds(key, signature, encode(signed)))) {
    refuse("/0", "a signature that does not hold");
  }
  return { payload, at };
}

function readPayload(task, payload, at) {
  const fields = closed(payload, at);
  fields.drop("iss", "aud", "prf", "meta", "exp", "iat", "cause");
  const cmd = fields.get("cmd");
  const sub = fields.get("sub");
  const nonce = fields.get("nonce");
  const args = fields.get("args");
  fields.refuseOthers();
  if (cmd.value !== "/wasm/run") refuse(cmd.at, "another command");
  if (!isText(sub.value)) refuse(sub.at, "no text");
  if (!(nonce.value instanceof Uint8Array)) refuse(nonce.at, "no bytes");
  if (!isMap(args.value)) refuse(args.at, "no map");
  const inner = closed(args.value, args.at);
  const mod = inner.get("mod");
  const name = either(inner, "fun", "func");
  const list = either(inner, "params", "args");
  inner.refuseOthers();
  if (isNothing(mod.value) || mod.value === "") refuse(mod.at, "no code");
  const call = new Call(task);
  call.finish({
    code: call.code(mod.value, mod.at),
    name: call.function(name.value, name.at),
    args: call.args(list.value, list.at),
    nonce: call.nonce(nonce.value, nonce.at),
  });
  settleAwaits([task], new Map());
}

function either(fields, first, second) {
  const found = [fields.get(first), fields.get(second)].filter(
    ({ value }) => value !== undefined,
  );
  if (found.length > 1) refuse(found[1].at, "two names of one field");
  return found[0] ?? fields.get(first);
}
