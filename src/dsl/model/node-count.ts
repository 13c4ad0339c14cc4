/*
 * How many nodes a flow has, for editors. The last digit is the number of its latest nodes, which become a block at ten, so
 * the tens before it change once per block. These are interfaces because their members are resolved only where they are
 * read.
 */

/** The texts of a flow with fewer than ten nodes: what it has now, and with one more, by the number of its latest nodes. */
export interface FirstTexts {
  now: "0 nodes";
  0: "1 node";
  1: "2 nodes";
  2: "3 nodes";
  3: "4 nodes";
  4: "5 nodes";
  5: "6 nodes";
  6: "7 nodes";
  7: "8 nodes";
  8: "9 nodes";
  9: "10 nodes";
  tens: [];
  next: CountTexts<[0]>;
}

/** The texts after `TTens` blocks. */
export interface CountTexts<TTens extends readonly 0[]> {
  now: `${TTens["length"]}0 nodes`;
  0: `${TTens["length"]}1 nodes`;
  1: `${TTens["length"]}2 nodes`;
  2: `${TTens["length"]}3 nodes`;
  3: `${TTens["length"]}4 nodes`;
  4: `${TTens["length"]}5 nodes`;
  5: `${TTens["length"]}6 nodes`;
  6: `${TTens["length"]}7 nodes`;
  7: `${TTens["length"]}8 nodes`;
  8: `${TTens["length"]}9 nodes`;
  9: CountTexts<[...TTens, 0]>["now"];
  tens: TTens;
  next: CountTexts<[...TTens, 0]>;
}

/** The texts of a flow whose nodes are not known. */
export interface UnknownTexts {
  [latest: number]: string;
  now: string;
  tens: [];
  next: UnknownTexts;
}

/** The text of a flow as it is. */
export type TextNow<TTexts, TLatest extends readonly unknown[]> = TLatest extends readonly [0, ...infer TBefore]
  ? TTexts[TBefore["length"] & keyof TTexts]
  : TTexts["now" & keyof TTexts];

interface AnyTexts {
  readonly tens: readonly 0[];
}

type TextsAfter<TTens extends readonly 0[]> = TTens["length"] extends 0 ? FirstTexts : CountTexts<TTens>;

type Zeros<TList extends readonly unknown[]> = { [TIndex in keyof TList]: 0 };
type BothLatest<TLatest extends readonly unknown[], TOthers extends readonly unknown[]> = [
  ...Zeros<TLatest>,
  ...Zeros<TOthers>,
];

/** The texts of two flows together. */
export type TextsOfBoth<
  TTexts extends AnyTexts,
  TLatest extends readonly unknown[],
  TOtherTexts extends AnyTexts,
  TOtherLatest extends readonly unknown[],
> =
  BothLatest<TLatest, TOtherLatest> extends [...UnitsOf["9"], 0, ...0[]]
    ? TextsAfter<[...TTexts["tens"], ...TOtherTexts["tens"], 0]>
    : TextsAfter<[...TTexts["tens"], ...TOtherTexts["tens"]]>;

/** As many as the last digit of the nodes of two flows, in place of their outputs. */
export type LatestOfBoth<TLatest extends readonly unknown[], TOtherLatest extends readonly unknown[]> =
  BothLatest<TLatest, TOtherLatest> extends [...UnitsOf["9"], 0, ...infer TRest]
    ? TRest
    : BothLatest<TLatest, TOtherLatest>;

/** The texts of a flow with so many nodes. */
export type TextsOf<TCount extends number> = number extends TCount ? UnknownTexts : TextsAfter<TensIn<`${TCount}`>>;

type TensIn<
  TText extends string,
  TSoFar extends readonly 0[] = [],
> = TText extends `${infer TDigit extends Digit}${infer TRest}`
  ? TRest extends ""
    ? TSoFar
    : TensIn<TRest, [...TimesTen<TSoFar>, ...UnitsOf[TDigit]]>
  : TSoFar;

/** As many as the last digit of a number. */
export type LatestOf<TCount extends number> = number extends TCount ? [] : LastDigit<`${TCount}`>;

type LastDigit<TText extends string> = TText extends `${infer TDigit extends Digit}${infer TRest}`
  ? TRest extends ""
    ? UnitsOf[TDigit]
    : LastDigit<TRest>
  : [];

type TimesTen<T extends readonly 0[]> = [...T, ...T, ...T, ...T, ...T, ...T, ...T, ...T, ...T, ...T];

interface UnitsOf {
  "0": [];
  "1": [0];
  "2": [0, 0];
  "3": [0, 0, 0];
  "4": [0, 0, 0, 0];
  "5": [0, 0, 0, 0, 0];
  "6": [0, 0, 0, 0, 0, 0];
  "7": [0, 0, 0, 0, 0, 0, 0];
  "8": [0, 0, 0, 0, 0, 0, 0, 0];
  "9": [0, 0, 0, 0, 0, 0, 0, 0, 0];
}
type Digit = keyof UnitsOf;
