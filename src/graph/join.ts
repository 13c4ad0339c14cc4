/** The texts of a union as one text. Their order is the compiler's own: nearly always that of their declaration. */
export type Join<TTexts, TBetween extends string> =
  LastOf<TTexts> extends infer TLast extends string
    ? [Exclude<TTexts, TLast>] extends [never]
      ? TLast
      : `${Join<Exclude<TTexts, TLast>, TBetween> & string}${TBetween}${TLast}`
    : never;

/** Inferring from overloads takes the last one, and an intersection of functions is a list of overloads. */
export type LastOf<TUnion> = (TUnion extends unknown ? (member: () => TUnion) => void : never) extends (
  members: infer TMembers,
) => void
  ? TMembers extends () => infer TLast
    ? TLast
    : never
  : never;
