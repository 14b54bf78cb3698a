/** Bytes and characters, by the rules of the text, never by those of a locale. */
const utf8 = new TextEncoder();
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export const toUtf8 = (text) => utf8.encode(text);
export const utf8Length = (text) => Buffer.byteLength(text, "utf8");
export const toHex = (bytes) => Buffer.from(bytes).toString("hex");
export const fromHex = (hex) => new Uint8Array(Buffer.from(hex, "hex"));

/** The text, or null where the bytes are not UTF-8. */
export function fromUtf8(bytes) {
  try {
    return strict.decode(bytes);
  } catch {
    return null;
  }
}

export const lower = (text) => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

/** "Fields of a map": how names match in forms that fold. */
export const fold = (name) =>
  lower(name.replaceAll("\u017f", "s").replaceAll("\u212a", "k"));

const SPACE = "\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000";
const AT_START = new RegExp(`^[${SPACE}]+`);
const AT_END = new RegExp(`[${SPACE}]+$`);

/** Without white space of Unicode, "Conventions", at its ends. */
export const trimUnicode = (text) => text.replace(AT_START, "").replace(AT_END, "");

/** Without any of it. */
export const unspaced = (text) => text.replace(new RegExp(`[${SPACE}]`, "g"), "");

/** White space as homestar.md spells it out: space, U+0009-U+000D. */
export const trim = (text) => text.replace(/^[ \t-\r]+/, "").replace(/[ \t-\r]+$/, "");

export const equal = (a, b) => Buffer.compare(a, b) === 0;
export const compare = (a, b) => Buffer.compare(a, b);
export const compareText = (a, b) => Buffer.compare(toUtf8(a), toUtf8(b));

export function concat(...parts) {
  return new Uint8Array(Buffer.concat(parts));
}

/** Percent-decoding to bytes; `strictly` says what a bare `%` does. */
export function percentDecode(text, onBare = () => {}) {
  const source = toUtf8(text);
  const out = [];
  for (let i = 0; i < source.length; i++) {
    if (source[i] === 0x25) {
      const digits = String.fromCharCode(source[i + 1] ?? 0, source[i + 2] ?? 0);
      if (/^[0-9A-Fa-f]{2}$/.test(digits)) {
        out.push(parseInt(digits, 16));
        i += 2;
        continue;
      }
      onBare();
    }
    out.push(source[i]);
  }
  return Uint8Array.from(out);
}

/** The standard alphabet; how much is forgiven is a matter of the rule. */
export function fromBase64(text, { padding = "required" } = {}) {
  const body = text.replace(/=+$/, "");
  const pads = text.length - body.length;
  if (!/^[A-Za-z0-9+/]*$/.test(body) || body.length % 4 === 1) return null;
  const due = (4 - (body.length % 4)) % 4;
  if (padding === "required" && pads !== due) return null;
  if (padding === "none" && pads !== 0) return null;
  return new Uint8Array(Buffer.from(body, "base64"));
}

export const toBase64 = (bytes) =>
  Buffer.from(bytes).toString("base64").replace(/=+$/, "");
