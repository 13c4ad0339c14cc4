/** The texts of a union as one text. Their order is the compiler's own: nearly always that of their declaration. */
export type Join<TTexts, TBetween extends string> =
  LastOf<TTexts> extends infer TLast extends string
    ? [Exclude<TTexts, TLast>] extends [never]
      ? TLast
      : `${Join<Exclude<TTexts, TLast>, TBetween> & string}${TBetween}${TLast}`
    : never;

/** The texts of a list as one text, in their order. */
export type JoinList<TTexts extends readonly unknown[], TBetween extends string> = TTexts extends readonly [
  infer TFirst extends string,
  ...infer TRest,
]
  ? TRest extends readonly []
    ? TFirst
    : `${TFirst}${TBetween}${JoinList<TRest, TBetween> & string}`
  : Join<TTexts[number], TBetween>;

/** Inferring from overloads takes the last one, and an intersection of functions is a list of overloads. */
export type LastOf<TUnion> = (TUnion extends unknown ? (member: () => TUnion) => void : never) extends (
  members: infer TMembers,
) => void
  ? TMembers extends () => infer TLast
    ? TLast
    : never
  : never;
