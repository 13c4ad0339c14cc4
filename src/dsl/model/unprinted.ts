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

/** A type that is left out of what is printed of an alias with it as its argument. */
export interface Unprinted<T> extends Printable {
  readonly type: T;
}

/** Nothing: an alias is only that of the type which it makes, such as an intersection. */
interface Named {
  readonly [printed]?: never;
}

/* What the options depend on, a dozen type parameters, is in the argument that is not printed. */
type Options<_TOf, TUnprinted extends Unprinted<unknown>> = (TUnprinted & Printed)["type"] & Named;

/** Options as an editor shows them in the help on a call, `Options<"extract", never>`: as a property, for the reason given at `FlowOf`. */
export interface OptionsOf<TOf, TOptions> {
  readonly options: Options<TOf, Unprinted<TOptions> & NotPrinted>;
}
