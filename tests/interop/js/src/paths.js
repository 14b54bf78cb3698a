/** Paths: invocation.md, "Model". */
import { utf8Length } from "./bytes.js";
import { refuse } from "./errors.js";

const PATH_BYTES_MAX = 4096;

/** Cleaning takes the path from `/` and refuses what climbs above it. */
export function clean(text, at) {
  const parts = [];
  for (const part of text.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) refuse(at, "a path that climbs");
  }
  return checkPath("/" + parts.join("/"), at);
}

function isClean(path) {
  if (path === "/") return true;
  const [first, ...parts] = path.split("/");
  return first === "" && parts.every((part) => !["", ".", ".."].includes(part));
}

export function checkPath(path, at) {
  if (path.includes("\0")) refuse(at, "U+0000 in a path");
  if (!isClean(path)) refuse(at, "a path that is not clean");
  if (utf8Length(path) > PATH_BYTES_MAX) refuse(at, "a path too long");
  return path;
}

export const join = (path, name) => (path === "/" ? `/${name}` : `${path}/${name}`);

export const liesBelow = (path, top) =>
  path !== top && (top === "/" || path.startsWith(`${top}/`));
