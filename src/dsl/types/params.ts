/**
 * Stands for the value of a parameter wherever an argument may stand; it is filled in when a task is created.
 * In the graph it is `{ "$ref": "params.<name>" }`.
 */
export interface ParamReference<TName extends string> {
  readonly $ref: `params.${TName}`;
}

/** Arguments where any value, at any depth, may be a parameter whose type fits. */
export type WithParams<TArgs, TParams> = [keyof TParams] extends [never] ? TArgs : Parametrised<TArgs, TParams>;

type Parametrised<T, TParams> = {
  [TKey in keyof T]: T[TKey] | ParamReference<FittingParams<TParams, T[TKey]>> | Inside<T[TKey], TParams>;
};

/** Scalars have no inside. A union of objects keeps its members apart, as a homomorphic mapped type does anyway. */
type Inside<T, TParams> = T extends string | number | boolean | null | undefined ? never : Parametrised<T, TParams>;

type FittingParams<TParams, T> = {
  [TName in keyof TParams]: [TParams[TName]] extends [T] ? TName : never;
}[keyof TParams] &
  string;
