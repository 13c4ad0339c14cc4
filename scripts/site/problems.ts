import { Logger, LogLevel } from "typedoc";

/**
 * What the builder's types compute with: nobody names these, and the reference would have a page of each. All others that
 * an export mentions must be exported, or stand in `intentionallyNotExported`.
 */
const machinery =
  /^\S+, defined in \S+\/src\/dsl\/types\/\S+, is referenced by \S+ but not included in the documentation$/;

/** Everything that is wrong with the site. */
export class Problems extends Logger {
  readonly #found: string[] = [];

  get found(): readonly string[] {
    return this.#found;
  }

  add(...problems: readonly string[]): void {
    this.#found.push(...problems);
  }

  /** TypeDoc's own. A warning is a problem too: it never knows of anything that is only half wrong. */
  override log(message: string, level: LogLevel): void {
    if (level >= LogLevel.Warn && !machinery.test(message)) this.add(message);
  }
}
