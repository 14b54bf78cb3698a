/** How documents name content: invocation.md, "References". */
import {
  fromBase64,
  fromHex,
  fromUtf8,
  lower,
  percentDecode,
  toUtf8,
  trim,
} from "./bytes.js";
import { cidFromText, isCidText, rawOf, rawOfDigest } from "./cid.js";
import { fault } from "./errors.js";

const REFERENCE_MAX = 8192;
const GATEWAYS = ["ipfs.io", "dweb.link", "w3s.link", "cf-ipfs.com"];

export function limited(text) {
  if (Buffer.byteLength(text) > REFERENCE_MAX) fault("a reference too long");
  return text;
}

// CIDs and IPFS. Each gives {kind: "cid" | "ipfs-path" | "ipns", cid?, reference}.

const ofCid = (cid) => ({ kind: "cid", cid, reference: `ipfs:${cid}` });

export function fromPrefixed(scheme, rest) {
  const cut = rest.indexOf("/");
  const head = cut < 0 ? rest : rest.slice(0, cut);
  const path = (cut < 0 ? "" : rest.slice(cut)).replace(/^\/+|\/+$/g, "");
  const tail = path ? `/${path}` : "";
  if (scheme === "ipns") {
    if (!head) fault("an empty name");
    return { kind: "ipns", reference: `ipns:${head}${tail}` };
  }
  const cid = cidFromText(head);
  if (cid.isName) return { kind: "ipns", reference: `ipns:${head}${tail}` };
  if (!path) return ofCid(cid);
  return { kind: "ipfs-path", reference: `ipfs:${cid}${tail}` };
}

/** A scheme, a prefix, a gateway; null where the text is something else. */
export function ipfsReference(text) {
  limited(text);
  const scheme = /^(ip[fn]s):\/\//i.exec(text);
  if (scheme) return fromPrefixed(lower(scheme[1]), text.slice(scheme[0].length));
  const prefix = /^\/(ip[fn]s)\//.exec(text);
  if (prefix) return fromPrefixed(prefix[1], text.slice(prefix[0].length));
  return gateway(text);
}

export function bareCid(text) {
  limited(text);
  if (!isCidText(text)) return null;
  return fromPrefixed("ipfs", text);
}

/** The content or name of a gateway's URL; null for any other text. */
export function gateway(text) {
  if (!isHttp(text) || text.includes("\\")) return null;
  const url = parseUrl(text);
  if (!url) return null;
  const found = gatewayParts(url);
  if (!found) return null;
  const { scheme, name, more } = found;
  const plainQuery = url.search
    .replace(/^\?/, "")
    .split("&")
    .every((part) => part.startsWith("filename="));
  if (url.username || url.password || url.port) return null;
  if (url.search && !plainQuery) return null;
  if (scheme === "ipfs") cidFromText(name);
  if (!name) fault("an empty name");
  if (more) return null;
  return fromPrefixed(scheme, name);
}

function gatewayParts(url) {
  if (GATEWAYS.includes(url.hostname)) {
    const path = /^\/(ip[fn]s)\/([^/]*)(\/?)(.*)$/s.exec(url.pathname);
    return path && { scheme: path[1], name: path[2], more: path[4] };
  }
  const host = GATEWAYS.find((known) => url.hostname.endsWith(`.${known}`));
  const part = host && url.hostname.slice(0, -host.length - 1);
  const match = part && /^(.*)\.(ip[fn]s)$/s.exec(part);
  return match && { scheme: match[2], name: match[1], more: url.pathname.slice(1) };
}

/** `gateway-of-unknown-host` of "Warnings". */
export function looksLikeGateway(reference) {
  const url = parseUrl(reference);
  if (!url) return false;
  return url.pathname.startsWith("/ipfs/") || url.hostname.includes(".ipfs.");
}

// URLs

export const isHttp = (text) => /^https?:\/\//i.test(text);

function parseUrl(text) {
  try {
    return new URL(text);
  } catch {
    return null;
  }
}

/** The normal spelling of a URL. */
export function normalUrl(text) {
  limited(text);
  const url = /^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(text) ? parseUrl(text) : null;
  if (!url) fault("no URL");
  if (/^https?:$/.test(url.protocol) && text.includes("\\")) fault("a backslash");
  url.hash = "";
  return limited(url.href);
}

/** The name a download gets, or null. */
export function downloadName(text) {
  const cut = text.split("#")[0].split("?")[0];
  const rest = cut.slice(cut.indexOf("://") + 3);
  const slash = rest.indexOf("/");
  if (slash < 0) return null;
  const path = fromUtf8(percentDecode(rest.slice(slash + 1)));
  if (path === null) return null;
  const name = path.replace(/\/+$/, "").split("/").pop();
  if (["", ".", ".."].includes(name) || /[\0-\x1f\x7f]/.test(name)) return null;
  return name;
}

// Images

const HOST = /^([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?$/;
const COMPONENT = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const REST = new RegExp(
  `^(${COMPONENT}(?:/${COMPONENT})*)` +
    "(?::([A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?" +
    "(?:@(sha256:[0-9a-f]{64}))?$",
);

/** {reference, cid | null}: an image by digest, or by a tag that moves. */
export function image(text) {
  limited(text);
  let whole = text.replace(/^docker:\/\//, "");
  const first = whole.split("/")[0];
  const named = whole.includes("/") && (/[.:]/.test(first) || first === "localhost");
  if (!named) whole = `docker.io/${whole}`;
  const cut = whole.indexOf("/");
  let host = whole.slice(0, cut);
  const match = REST.exec(whole.slice(cut + 1));
  if (!HOST.test(host) || !match) fault("no image");
  let [, path, tag, digest] = match;
  if (host === "index.docker.io") host = "docker.io";
  if (host === "docker.io" && !path.includes("/")) path = `library/${path}`;
  if (digest) {
    return { reference: `oci:${host}/${path}@${digest}`, cid: digestCid(digest) };
  }
  return { reference: `oci:${host}/${path}:${tag ?? "latest"}`, cid: null };
}

export const isDigest = (text) => /^sha256:[0-9a-f]{64}$/.test(text);
export const digestCid = (digest) => rawOfDigest(fromHex(digest.slice(7)));

// S3

function percentEncode(text, kept, space = "%20") {
  let out = "";
  for (const byte of toUtf8(text)) {
    const character = String.fromCharCode(byte);
    if (byte < 0x80 && kept.test(character)) out += character;
    else if (byte === 0x20) out += space;
    else out += "%" + byte.toString(16).toUpperCase().padStart(2, "0");
  }
  return out;
}

export function s3Reference({ bucket, key, endpoint, version }) {
  let out = `s3://${percentEncode(bucket, /[A-Za-z0-9_.~:-]/)}`;
  out += `/${percentEncode(key, /[A-Za-z0-9_.~/-]/)}`;
  const value = (text) => percentEncode(text, /[A-Za-z0-9_.~-]/, "+");
  let mark = "?";
  if (endpoint) {
    out += `?endpoint=${value(endpoint)}`;
    mark = "&";
  }
  if (version) out += `${mark}versionId=${value(version)}`;
  return out;
}

// data: URLs

export const isData = (text) => /^data:/i.test(text);

/** {type, written, bytes, cid}; `written` is the media type as it stands. */
export function dataUrl(text) {
  const comma = text.indexOf(",");
  if (!isData(text) || comma < 0) fault("no data: URL");
  const head = text.slice(5, comma);
  if (head.includes('"')) fault('a " before the comma');
  const parts = head.split(";");
  const type = lower(trim(parts[0]));
  const decoded = percentDecode(text.slice(comma + 1), () =>
    fault("a % without two hex digits"),
  );
  const isBase64 = parts.length > 1 && lower(trim(parts.at(-1))) === "base64";
  const bytes = isBase64 ? ofBase64(decoded) : decoded;
  return { type, written: parts[0], bytes, cid: rawOf(bytes) };
}

function ofBase64(decoded) {
  const text = Buffer.from(decoded)
    .toString("latin1")
    .replace(/[\t-\r ]/g, "");
  return fromBase64(text, { padding: "any" }) ?? fault("no base64");
}
