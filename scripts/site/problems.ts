import { Logger, LogLevel } from "typedoc";

/**
 * Internal types of the builder, which would clutter the reference. All other types that an export mentions must be
 * exported or listed in `intentionallyNotExported`.
 */
const machinery =
  /^\S+, defined in \S+\/src\/dsl\/(?:model|rules|types)\/\S+, is referenced by \S+ but not included in the documentation$/;

/** All problems of the site. */
export class Problems extends Logger {
  readonly #found: string[] = [];

  get found(): readonly string[] {
    return this.#found;
  }

  add(...problems: readonly string[]): void {
    this.#found.push(...problems);
  }

  /** TypeDoc's messages. Its warnings are problems too. */
  override log(message: string, level: LogLevel): void {
    if (level >= LogLevel.Warn && !machinery.test(message)) this.add(message);
  }
}
