/**
 * A sentence that the compiler prints where an argument is wrong. It is an interface, so it is never offered as a
 * completion, never collapses to `never` and is printed in full.
 *
 * The message sits under a property that its victim HAS, with another type. A property that the victim lacks would
 * make TypeScript 7 print "property is missing" (TS2741) before the sentence.
 */
export interface FlowTypeError<TMessage extends string> {
  readonly kind: TMessage;
}

/**
 * What was given, or the sentence that says what is wrong with it: `true` when nothing is, and where `any` makes it both.
 *
 * The sentence comes as an argument, whose branches the compiler doesn't look into while it infers from a call, nor
 * when it asks what may stand there: with the conditions written around the two, the first node of a flow alone would
 * cost 2,000 instantiations more.
 */
export type OrError<TGiven, TMessage> = true extends TMessage ? TGiven : FlowTypeError<NoInfer<TMessage & string>>;

/** The same for an argument that is a zod schema. */
export interface FlowSchemaError<TMessage extends string> {
  readonly _zod: TMessage;
}

/** The same for a list. */
export interface FlowListError<TMessage extends string> {
  readonly length: TMessage;
}

/** The same for a flow, as receiver or argument. */
export interface FlowStateError<TMessage extends string> {
  readonly $infer: TMessage;
}

/** Any string, without swallowing the literals it stands beside: completions survive, and the constraint never fails. */
export type AnyString = string & {};
