/** Fields of a map: invocation.md, "Fields of a map". */
import { fold } from "../bytes.js";
import { refuse } from "../errors.js";
import { below, holdsTemplate, isEmpty, isMap } from "../tree.js";

export class Fields {
  #byName = new Map();
  #known = new Set();

  constructor(map, at, { folds }) {
    if (!isMap(map)) refuse(at, "no map");
    this.map = map;
    this.at = at;
    this.fold = folds ? fold : (name) => name;
    for (const key of map.keys()) {
      const name = this.fold(key);
      if (this.#byName.has(name)) refuse(below(at, key), "two spellings of one name");
      this.#byName.set(name, key);
    }
  }

  has(name) {
    return this.#byName.has(this.fold(name));
  }

  /** {value, at, empty}: of an absent field the pointer that it would have. */
  get(name) {
    const folded = this.fold(name);
    this.#known.add(folded);
    const key = this.#byName.get(folded);
    if (key === undefined)
      return { value: undefined, at: below(this.at, name), empty: true };
    const value = this.map.get(key);
    return { value, at: below(this.at, key), empty: isEmpty(value) };
  }

  /** Of a field with several names: at most one is not empty. */
  one(...names) {
    const found = names.map((name) => this.get(name)).filter(({ empty }) => !empty);
    if (found.length > 1) refuse(found[1].at, "two names of one field");
    return found[0] ?? this.get(names.find((name) => this.has(name)) ?? names[0]);
  }

  drop(...names) {
    for (const name of names) this.#known.add(this.fold(name));
  }

  /** The pointers of all other fields. */
  get others() {
    return [...this.#byName]
      .filter(([name]) => !this.#known.has(name))
      .map(([, key]) => below(this.at, key));
  }

  /** Only forms of Bacalhau and Lilypad ask: a name may be a template in them. */
  ignoreOthers(task) {
    for (const at of this.others) {
      if (!holdsTemplate(at.slice(this.at.length))) {
        task.warn("ignored-field", at);
        continue;
      }
      task.impure("template", at);
      task.hasTemplateField = true;
    }
  }

  refuseOthers() {
    const [at] = this.others;
    if (at !== undefined) refuse(at, "a field that the form does not have");
  }
}
