/**
 * A message that the compiler prints for a wrong argument, after its own words: a short name leaves more room for the
 * message where an editor shows a single line. An interface is never offered as a completion, never collapses to `never`,
 * and is printed in full.
 *
 * The message is the type of a property that the argument HAS with another type. For a property that the argument
 * lacks, TypeScript 7 would print "property is missing" (TS2741) before the message.
 */
export interface WrongType<TMessage extends string> {
  readonly kind: TMessage;
}

/**
 * The same where the argument is one of several. An alias prints with its arguments in their order, so the message comes
 * before the right ones: as one member of a plain union it would come last, and be cut off after 15 of them.
 */
export type Wrong<TMessage extends string, TRight> = TRight | WrongType<TMessage>;

declare const offered: unique symbol;

/** Marks a type without values, which exists only for completions. */
export interface Offered {
  readonly [offered]: never;
}

/** What the elements of a list may be, in a union with the type of the list that was written. Cheaper than an array type. */
export interface Alternatives<T> extends Offered {
  readonly [index: number]: T;
}

/**
 * The argument, or the message about it. `TMessage` is `true` if the argument is right, also where `any` makes it both.
 *
 * The message is a type argument because the compiler does not look into its branches while it infers from a call, nor
 * while it collects completions: with the conditions written inline, the first node of a flow would cost 2,000
 * instantiations more.
 */
export type OrError<TGiven, TMessage> =
  IsRight<TMessage> extends false ? WrongType<NoInfer<TMessage & string>> : TGiven;

/**
 * Compared with `false` for the reason given at `IsNever`, and in tuples, because otherwise a condition on a type that a
 * generic helper leaves open would never be `true`.
 */
export type IsRight<TMessage> = [true] extends [TMessage] ? true : false;

/** The same for an argument that is a schema, of any library. */
export interface WrongSchema<TMessage extends string> {
  readonly "~standard": TMessage;
}

/** The same for an option of any type: they all have this method. */
export interface WrongOption<TMessage extends string> {
  readonly toString: TMessage;
}

/** The same for a list. */
export interface WrongList<TMessage extends string> {
  readonly length: TMessage;
}

/** The same for a flow, as receiver or argument. */
export interface WrongFlow<TMessage extends string> {
  readonly $infer: TMessage;
}

/**
 * Any string, without absorbing the literals in a union with it: completions survive, and the constraint never fails.
 */
export type AnyString = string & {};
