/** Nearly always all keys are there; which of them may be missing costs ten times as much to find out. */
export type MissingKeys<T, TWritten> = [keyof T] extends [TWritten] ? never : Exclude<RequiredKeys<T>, TWritten>;

export type RequiredKeys<T> = { [TKey in keyof T]-?: {} extends Pick<T, TKey> ? never : TKey }[keyof T] & string;
