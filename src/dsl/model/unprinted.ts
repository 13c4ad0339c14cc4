/*
 * How a type stays short in an editor, whatever it knows. An editor prints a type by its alias, with the arguments of the
 * alias, each in its shortest form: an intersection that no value can have is `never`. `T & NotPrinted` is one if `T` is
 * `Printable`, because they contradict each other about `printed`. A third member, in which it is `never`, ends the
 * contradiction: `T & NotPrinted & Printed` is `T` with what `Printed` adds.
 *
 * A declaration file cannot name an alias that its module does not export. It gets the type itself, with all that it knows.
 */

declare const printed: unique symbol;

/** Can be left out of what is printed. */
export interface Printable {
  readonly [printed]: true;
}

/** Leaves it out. */
export interface NotPrinted {
  readonly [printed]: false;
}

/** Brings it back. */
export interface Printed {
  readonly [printed]: never;
}
