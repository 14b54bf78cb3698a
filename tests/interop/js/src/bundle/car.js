/** The file: bundle.md, "Verification", step 1. */
import { equal, toHex } from "../bytes.js";
import { cborOf, cidFromBytes, readVarint } from "../cid.js";
import { decode, encode } from "../dagcbor.js";
import { fault } from "../errors.js";

const BLOCK_BYTES_MAX = 1048576;
const CID_BYTES = 36;
const LENGTH_BYTES_MAX = 9;

/** All blocks in order, [{cid, bytes}]; the root is the first of them. */
export function readCar(bytes) {
  let at = 0;
  const section = () => {
    const [length, start] = readVarint(bytes, at);
    if (start - at > LENGTH_BYTES_MAX) fault("a length of more than 9 bytes");
    if (length > BigInt(bytes.length - start)) fault("a CAR that breaks off");
    at = start + Number(length);
    return bytes.subarray(start, at);
  };
  const header = section();
  const blocks = [];
  while (at < bytes.length) blocks.push(blockOf(section()));
  if (!blocks.length) fault("a CAR without blocks");
  const root = new Map([
    ["roots", [blocks[0].cid]],
    ["version", 1n],
  ]);
  decode(header);
  if (!equal(header, encode(root))) fault("other roots than the first block");
  return blocks;
}

function blockOf(section) {
  if (section.length < CID_BYTES) fault("a section that holds no block");
  const prefix = toHex(section.subarray(0, 4));
  if (prefix !== "01711220") fault("a block that is not ours");
  const cid = cidFromBytes(section.subarray(0, CID_BYTES));
  const block = section.subarray(CID_BYTES);
  if (block.length > BLOCK_BYTES_MAX) fault("a block too large");
  if (cborOf(block).text !== cid.text) fault("a block of another CID");
  return { cid, bytes: block };
}
