/** A rule that refuses: no outcome, an error with the place (Conventions). */
export class Refused extends Error {
  constructor(at, reason) {
    super(reason);
    this.at = at;
  }
}

export function refuse(at, reason) {
  throw new Refused(at, reason);
}

/** Runs work that knows no place; what it refuses, it refuses at this one. */
export function placed(at, work) {
  try {
    return work();
  } catch (error) {
    if (error instanceof Refused && error.at === null) error.at = at;
    throw error;
  }
}

/** A refusal whose place the caller adds with `placed`. */
export function fault(reason) {
  throw new Refused(null, reason);
}
