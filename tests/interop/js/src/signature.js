/** Signatures: statement.md, "Keys". */
import { createPublicKey, verify } from "node:crypto";
import { base58btc } from "multiformats/bases/base58";
import { toHex } from "./bytes.js";
import { fault } from "./errors.js";

const FIELD_PRIME = 2n ** 255n - 19n;
const SPKI_OF_ED25519 = Buffer.from("302a300506032b6570032100", "hex");

/** y of the points of small order; the sign of x is no matter. */
const SMALL_ORDER_Y = new Set([
  0n,
  1n,
  FIELD_PRIME - 1n,
  littleEndian(
    Buffer.from(
      "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
      "hex",
    ),
  ),
  littleEndian(
    Buffer.from(
      "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
      "hex",
    ),
  ),
]);

function littleEndian(bytes) {
  return BigInt("0x" + toHex(Uint8Array.from(bytes).reverse()));
}

export function checkPoint(bytes) {
  const y = littleEndian(bytes) & (2n ** 255n - 1n);
  if (y >= FIELD_PRIME) fault("a point that is not canonical");
  if (SMALL_ORDER_Y.has(y)) fault("a point of small order");
}

/** The public key of a did:key of Ed25519. */
export function keyOfDid(did) {
  const match = /^did:key:z(6Mk[1-9A-HJ-NP-Za-km-z]{44})$/.exec(did);
  if (!match) fault("no did:key of Ed25519");
  const bytes = base58btc.baseDecode(match[1]);
  if (bytes.length !== 34 || bytes[0] !== 0xed || bytes[1] !== 0x01) {
    fault("no did:key of Ed25519");
  }
  checkPoint(bytes.subarray(2));
  return bytes.subarray(2);
}

/** The library is without cofactor and checks S; R comes out of its sums. */
export function holds(key, signature, message) {
  if (signature.length !== 64) return false;
  checkPoint(signature.subarray(0, 32));
  const der = Buffer.concat([SPKI_OF_ED25519, key]);
  try {
    const publicKey = createPublicKey({ key: der, format: "der", type: "spki" });
    return verify(null, message, publicKey, signature);
  } catch {
    return false;
  }
}
