/*
 * How a type prints briefly in an editor, however much it contains. An editor prints a type by its alias, with the
 * arguments of the alias, each in its shortest form: an intersection that no value can have is `never`. `T & NotPrinted` is
 * one if `T` is `Printable`, because their types of `printed` conflict. A third member, in which it is `never`, resolves
 * the conflict: `T & NotPrinted & Printed` is `T` with what `Printed` adds.
 *
 * A declaration file cannot name an alias that its module does not export: it gets the type itself, in full.
 */

export declare const printed: unique symbol;

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

/* The options of a call, and messages about what was written. */
interface OptionTypes<TOptions, TWritten> extends Printable {
  readonly options: TOptions;
  readonly written: TWritten;
}

/* What the options depend on, a dozen type parameters, is in the argument that is not printed. */
type RequiredOptions<_TOf, TUnprinted extends OptionTypes<unknown, unknown>> = (TUnprinted & Printed)["options"] &
  (TUnprinted & Printed)["written"];

/* If nothing of what was written remains, `RequiredOptions` is one type that prints as itself; a union prints as this. */
type Options<TOf, TUnprinted extends OptionTypes<unknown, unknown>> = RequiredOptions<TOf, TUnprinted> | undefined;

/** Options, as a property, for the reason given at `FlowOf`: they print as `Options<"extract", never>`. */
export interface OptionsOf<TOf, TOptions, TWritten> {
  readonly options: Options<TOf, OptionTypes<TOptions, TWritten> & NotPrinted>;
  readonly required: RequiredOptions<TOf, OptionTypes<TOptions, TWritten> & NotPrinted>;
}
