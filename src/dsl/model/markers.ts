/**
 * A message that the compiler prints for a wrong argument. An interface is never offered as a completion, never
 * collapses to `never`, and is printed in full.
 *
 * The message is the type of a property that the argument HAS with another type. For a property that the argument
 * lacks, TypeScript 7 would print "property is missing" (TS2741) before the message.
 */
export interface FlowTypeError<TMessage extends string> {
  readonly kind: TMessage;
}

/**
 * The argument, or the message about it. `TMessage` is `true` if the argument is right, also where `any` makes it both.
 *
 * The message is a type argument because the compiler does not look into its branches while it infers from a call, nor
 * while it collects completions: with the conditions written inline, the first node of a flow would cost 2,000
 * instantiations more.
 */
export type OrError<TGiven, TMessage> =
  IsRight<TMessage> extends false ? FlowTypeError<NoInfer<TMessage & string>> : TGiven;

/** Compared with `false` for the reason given at `IsNever`. */
export type IsRight<TMessage> = true extends TMessage ? true : false;

/** The same for an argument that is a zod schema. */
export interface FlowSchemaError<TMessage extends string> {
  readonly _zod: TMessage;
}

/** The same for an option of any type: they all have this method. */
export interface FlowOptionError<TMessage extends string> {
  readonly toString: TMessage;
}

/** The same for a list. */
export interface FlowListError<TMessage extends string> {
  readonly length: TMessage;
}

/** The same for a flow, as receiver or argument. */
export interface FlowStateError<TMessage extends string> {
  readonly $infer: TMessage;
}

/**
 * Any string, without absorbing the literals in a union with it: completions survive, and the constraint never fails.
 */
export type AnyString = string & {};
