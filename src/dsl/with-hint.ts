import { nearName } from "../graph/format/near-name.ts";

/** The message, with what was probably meant where something is near. */
export function withHint(message: string, word: string, among: Iterable<string>): string {
  const near = nearName(word, among);
  return near === undefined ? message : `${message} (did you mean '${near}'?)`;
}
