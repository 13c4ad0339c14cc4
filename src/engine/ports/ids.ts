/** Where new ids come from. */
export interface Ids {
  /** A new id, unique over all processes, without `:`. */
  next(): string;
}
