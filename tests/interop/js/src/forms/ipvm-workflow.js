/** IPVM workflow 0.1: forms/ipvm-workflow.md. */
import { refuse } from "../errors.js";
import { isEmpty, isMap, isTree } from "../tree.js";
import { Fields } from "./fields.js";
import { isBatch, readBatch, readInvocation } from "./ucan-batch.js";

const VERSION = "0.1.0";

export const network = "ipvm";

export function marks({ syntax, tree }) {
  if (!isTree({ syntax }) || !isMap(tree)) return false;
  if (tree.has("ipvm/workflow")) return true;
  const tasks = tree.get("tasks");
  return isMap(tasks) && (isBatch(tasks) || isBatch(tasks.get("run")));
}

const closed = (map, at) => new Fields(map, at, { folds: false });

export function read({ syntax, tree }, resolutions) {
  let fields = closed(tree, "");
  if (fields.has("ipvm/workflow")) {
    const inner = fields.get("ipvm/workflow");
    fields.drop("sig", "signature");
    fields.refuseOthers();
    fields = closed(inner.value, inner.at);
  }
  const version = fields.get("v");
  if (version.value !== undefined && version.value !== VERSION) {
    refuse(version.at, "another version");
  }
  const tasks = fields.get("tasks");
  const handler = fields.get("catch");
  fields.drop("meta", "parent", "config", "global", "defaults");
  fields.refuseOthers();
  if (!isEmpty(handler.value)) refuse(handler.at, "a handler");
  const isCbor = syntax === "cbor";
  const options = { isCbor, resolutions, form: "IPVM workflow 0.1" };
  return isBatch(tasks.value)
    ? readBatch(tasks, options)
    : readInvocation(tasks, options);
}
