import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

/** A document as it was read, with the server's time of that. */
export interface Read<TDocument> {
  readonly doc: TDocument;
  readonly now: number;
}

export interface Verdict<TAnswer> {
  readonly answer: TAnswer;
  /** Writes, if the document still has the revision that was read. Resolves with whether it had. */
  readonly write?: (rev: string) => Promise<boolean>;
}

const longestDelayMs = 64;

/**
 * Reads a document, judges, and writes if nobody else has written since; else once more.
 *
 * A deadline that `judge` makes or finds passed is the server's: what had passed when it was read has passed for ever,
 * and a deadline made from then is a little early, never late. A write whose answer got lost is recognised by the
 * revision that it left.
 *
 * @param known - what was read a moment ago, to begin with
 */
export async function compareAndSet<TDocument extends { readonly rev: string }, TAnswer>(
  read: () => Promise<Read<TDocument> | undefined>,
  judge: (found: Read<TDocument> | undefined) => Verdict<TAnswer> | Promise<Verdict<TAnswer>>,
  known?: Read<TDocument>,
): Promise<TAnswer> {
  let tried: { readonly rev: string; readonly answer: TAnswer } | undefined;
  for (let round = 0; ; round++) {
    const found = round === 0 && known !== undefined ? known : await read();
    if (tried !== undefined && found?.doc.rev === tried.rev) return tried.answer;
    const { answer, write } = await judge(found);
    if (write === undefined) return answer;
    const rev = randomUUID();
    if (await write(rev)) return answer;
    tried = { rev, answer };
    // Others write too, or what was written isn't to be read yet.
    await sleep(Math.random() * Math.min(longestDelayMs, 2 ** round));
  }
}
