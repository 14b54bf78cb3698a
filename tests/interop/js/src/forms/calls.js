/** Calls of functions: forms/homestar.md, "Instruction" and "Promises". */
import { toUtf8 } from "../bytes.js";
import { base32hexBytes, Cid } from "../cid.js";
import { ofReference, ofUrl } from "../contents.js";
import { placed, refuse } from "../errors.js";
import { checkNonce, checkText, sortAwaits } from "../model.js";
import { dataUrl, ipfsReference, isData } from "../references.js";
import { below, isMap, isNothing, isText } from "../tree.js";

const PROMISES = {
  "await/ok": "ok",
  "ucan/await/ok": "ok",
  "await/error": "error",
  "ucan/await/err": "error",
  "await/*": "any",
  "ucan/await/*": "any",
};

/** {when, key, reference} of a promise over a link, else null. */
export function promiseOfLink(value) {
  if (!isMap(value) || value.size !== 1) return null;
  const [[key, link]] = value;
  if (!Object.hasOwn(PROMISES, key) || !(link instanceof Cid)) return null;
  const reference = link.isName ? (link.written ?? link.text) : link.text;
  return { when: PROMISES[key], key: link.text, reference };
}

/** A call being read; `promiseOf` says what is a promise in its form. */
export class Call {
  awaits = [];

  constructor(task, { promiseOf = promiseOfLink, judgeText = () => {} } = {}) {
    task.kind = "wasm-function";
    this.task = task;
    this.promiseOf = promiseOf;
    this.judgeText = judgeText;
  }

  /** A promise where none can be fulfilled. */
  isAwaited(value, at) {
    const promise = this.promiseOf(value, at);
    if (promise) this.task.unresolved("await", at, promise.reference);
    return promise !== null;
  }

  /** The code, or null and a finding. */
  code(value, at) {
    if (this.isAwaited(value, at)) return null;
    if (value instanceof Cid) return this.link(value, at);
    if (!isText(value)) refuse(at, "neither a link nor text");
    if (this.judgeText(value, at)) return null;
    if (isData(value)) {
      const { type, cid } = placed(at, () => dataUrl(value));
      if (type !== "application/wasm") refuse(at, "data of another type");
      return cid;
    }
    const found = placed(at, () => ipfsReference(value));
    return found ? ofReference(this.task, found, at) : ofUrl(this.task, value, at);
  }

  link(cid, at) {
    const { resolutions } = this.task;
    if (!cid.isName) return resolutions.rekey(cid);
    const reference = `ipns:${cid.written ?? cid.text}`;
    const meaning = resolutions.get(reference);
    if (!meaning) this.task.unresolved("ipns", at, reference);
    return meaning?.cid ?? null;
  }

  function(value, at) {
    if (this.isAwaited(value, at)) return null;
    if (!isText(value) || value === "") refuse(at, "no function");
    if (this.judgeText(value, at)) return null;
    return checkText(value, at);
  }

  /** {nonce: bytes}, or null while it is not known. */
  nonce(value, at) {
    if (isNothing(value) || value === "") return new Uint8Array();
    if (this.isAwaited(value, at)) return null;
    if (value instanceof Uint8Array) return checkNonce(value, at);
    if (!isText(value)) refuse(at, "neither text nor bytes");
    if (this.judgeText(value, at)) return null;
    return checkNonce(nonceOfText(value), at);
  }

  /** The values with null for each promise, or null while one is not known. */
  args(value, at) {
    if (this.isAwaited(value, at)) return null;
    if (!Array.isArray(value)) refuse(at, "no list");
    this.known = true;
    const args = value.map((item, i) => this.value(item, [BigInt(i)], below(at, i)));
    return this.known ? args : null;
  }

  value(value, path, at) {
    if (isText(value)) {
      if (this.judgeText(value, at)) this.known = false;
      return value;
    }
    if (value instanceof Cid) {
      const cid = this.link(value, at);
      if (!cid) this.known = false;
      return cid;
    }
    const promise = this.promiseOf(value, at);
    if (promise) {
      this.awaits.push({ path, place: at, ...promise });
      return null;
    }
    if (Array.isArray(value)) {
      return value.map((item, i) =>
        this.value(item, [...path, BigInt(i)], below(at, i)),
      );
    }
    return isMap(value) ? this.map(value, path, at) : value;
  }

  map(map, path, at) {
    if (map.size === 1 && [...map.values()][0] instanceof Cid) {
      this.task.warn("may-be-read-as-promise", at);
    }
    const out = new Map();
    for (const [key, item] of map) {
      const place = below(at, key);
      if (this.judgeText(key, place)) this.known = false;
      out.set(key, this.value(item, [...path, key], place));
    }
    return out;
  }

  /** The parts; what is awaited is settled later. */
  finish({ code, name, args, nonce }) {
    const { task } = this;
    if (code && name) task.program = { kind: "wasm-function", code, function: name };
    if (args && nonce) task.input = { args, nonce };
    task.known = { args, nonce };
    task.awaits = this.awaits;
  }
}

function nonceOfText(text) {
  if (/^([0-9a-v]{20}|[0-9a-v]{26})$/.test(text)) {
    try {
      return base32hexBytes(text);
    } catch {
      // Spare bits that are not zero: text like other text.
    }
  }
  return toUtf8(text);
}

/**
 * Settles what tasks await of each other: `byKey` are those of the document.
 * A task that is awaited is settled before; a cycle is refused.
 */
export function settleAwaits(tasks, byKey) {
  const state = new Map();
  for (const first of tasks) {
    const stack = [first];
    while (stack.length) {
      const task = stack.at(-1);
      if (!state.has(task)) state.set(task, "open");
      const next =
        state.get(task) === "open" &&
        (task.awaits ?? []).find(
          ({ key }) => byKey.has(key) && state.get(byKey.get(key)) !== "settled",
        );
      if (next) {
        const other = byKey.get(next.key);
        if (state.get(other) === "open") refuse(next.place, "a cycle");
        stack.push(other);
        continue;
      }
      if (state.get(task) === "open") settle(task, byKey);
      state.set(task, "settled");
      stack.pop();
    }
  }
}

function settle(task, byKey) {
  const awaits = [];
  for (const { path, place, when, key, reference } of task.awaits ?? []) {
    const invocation = byKey.get(key)?.result().invocation;
    if (invocation) awaits.push({ at: path, when, invocation: invocation.cid });
    else task.unresolved("await", place, reference);
  }
  if (task.known) {
    const found = task.known.args ? sortAwaits(awaits) : [];
    task.checkKnown({ ...task.known, awaits: found }, "");
  }
  if (awaits.length < (task.awaits?.length ?? 0)) task.input = null;
  else if (task.input) task.input.awaits = sortAwaits(awaits);
}
