import { type Artifact, isOutput } from "../../model/records.ts";

/*
 * Batches are stored as they end. A reader of a whole log gets it in the order of the input, as if batches had been
 * processed one at a time without failures, so that results do not depend on which batch was faster.
 */

/** A batch inherits its place from the batch that it was made from, and ultimately from an index in a source. */
export const placeOf = ({ seq, origin }: Pick<Artifact, "seq" | "origin">): readonly number[] => origin.place ?? [seq];

interface Placed {
  readonly seq: number;
  /** Absent: its seq. */
  readonly place: readonly number[] | undefined;
}

const placed = ({ seq, origin: { place } }: Artifact): Placed => ({ seq, place });

/** The artifacts of one shard in the order of the input. */
export function sortedByPlace(artifacts: readonly Artifact[]): readonly Artifact[] {
  if (artifacts.every(({ origin }) => origin.place === undefined)) return artifacts;
  const compare = (a: Artifact, b: Artifact) => comparePlaces(placed(a), placed(b));
  return artifacts.toSorted(compare);
}

function comparePlaces(a: Placed, b: Placed): number {
  const [x, y] = [a.place ?? [a.seq], b.place ?? [b.seq]];
  for (let at = 0; at < x.length && at < y.length; at++) {
    const difference = (x[at] as number) - (y[at] as number);
    if (difference !== 0) return difference;
  }
  return x.length - y.length || a.seq - b.seq;
}

/** Pages in memory: most batches are stored near their place. */
const keptPages = 4;

/**
 * The outputs of one shard's log, with only a few pages in memory at a time: a log longer than one page is read once to
 * find its order, and again to deliver it.
 */
export async function* inInputOrder(log: {
  readonly length: number;
  readonly pageSize: number;
  /** Reads at least one artifact, or throws. */
  readonly read: (from: number, limit: number) => Promise<readonly Artifact[]>;
}): AsyncGenerator<Artifact> {
  const { length, pageSize } = log;
  if (length === 0) return;
  if (length <= pageSize) return yield* sortedByPlace(await readPage(log, 0)).filter(isOutput);
  const order = await orderOf(log);
  const pages = new Map<number, readonly Artifact[]>();
  for (let at = 0; at < length; at++) {
    const seq = order === undefined ? at : (order[at] as number);
    const from = seq - (seq % pageSize);
    const page = pages.get(from) ?? (await readPage(log, from));
    pages.delete(from);
    pages.set(from, page);
    if (pages.size > keptPages) pages.delete(pages.keys().next().value as number); // the least recently used one
    const artifact = page[seq - from] as Artifact;
    if (isOutput(artifact)) yield artifact;
  }
}

type Log = Parameters<typeof inInputOrder>[0];

async function readPage({ length, pageSize, read }: Log, from: number): Promise<Artifact[]> {
  const page: Artifact[] = [];
  const size = Math.min(pageSize, length - from);
  while (page.length < size) page.push(...(await read(from + page.length, size - page.length)));
  return page;
}

/** The seqs in the order of the input; `undefined` if that is the order of the log. */
async function orderOf(log: Log): Promise<readonly number[] | undefined> {
  const order: Placed[] = [];
  let isSorted = true;
  for (let from = 0; from < log.length; from = order.length) {
    for (const artifact of await readPage(log, from)) {
      const next = placed(artifact);
      const last = order.at(-1);
      isSorted &&= last === undefined || comparePlaces(last, next) < 0;
      order.push(next);
    }
  }
  return isSorted ? undefined : order.sort(comparePlaces).map(({ seq }) => seq);
}
