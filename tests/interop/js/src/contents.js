/** What references of a document come to, with the resolutions at hand. */
import { placed } from "./errors.js";
import {
  downloadName,
  gateway,
  image,
  looksLikeGateway,
  normalUrl,
} from "./references.js";

/** The CID of a reference of the IPFS table, or null and a finding. */
export function ofReference(task, found, at) {
  if (found.kind === "cid") return task.resolutions.rekey(found.cid);
  const meaning = task.resolutions.get(found.reference);
  if (!meaning) task.unresolved(found.kind, at, found.reference);
  return meaning?.cid ?? null;
}

/** A URL that is no gateway's, where no name is due. */
export function ofUrl(task, text, at) {
  const url = placed(at, () => normalUrl(text));
  const meaning = task.resolutions.get(url);
  if (!meaning) unresolvedUrl(task, url, at);
  return meaning?.cid ?? null;
}

function unresolvedUrl(task, url, at) {
  task.unresolved("url", at, url);
  if (looksLikeGateway(url)) task.warn("gateway-of-unknown-host", at);
}

/** {cid | null, name | null | undefined}: undefined where no resolution says one. */
export function ofDownload(task, text, at) {
  const url = placed(at, () => normalUrl(text));
  const known = placed(at, () => gateway(text));
  const meaning = task.resolutions.get(url);
  let cid = null;
  if (meaning) {
    cid = meaning.cid;
    if (known?.kind === "cid" && known.cid.text !== cid.text) {
      task.resolutions.replaces(url);
    }
  } else if (known) cid = ofReference(task, known, at);
  else unresolvedUrl(task, url, at);
  return { cid, url, given: meaning?.name, name: downloadName(text) };
}

/** {cid | null, meaning}: Images. */
export function ofImage(task, text, at) {
  const { reference, cid } = placed(at, () => image(text));
  const meaning = task.resolutions.get(reference);
  if (meaning && cid) task.resolutions.replaces(reference);
  if (!meaning && !cid) task.unresolved("oci-tag", at, reference);
  const known = meaning?.cid ?? cid;
  if (known && !meaning?.platform) task.warn("digest-may-be-an-index", at);
  return { cid: known, meaning };
}

/** Whether `found`, of `ofImage`, is stated to have no entrypoint; a finding if not. */
export function isBare(task, text, { meaning }, at) {
  if (meaning?.entrypoint?.length === 0) return true;
  task.unresolved("oci-entrypoint", at, image(text).reference);
  return false;
}
