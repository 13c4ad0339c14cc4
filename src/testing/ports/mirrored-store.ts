import { isDeepStrictEqual } from "node:util";
import type { Store } from "../../engine/ports/index.ts";

type Call = (...args: unknown[]) => Promise<unknown>;

/** Answers, and parts of them, that come in an order which no store promises: of what is due at the same time. */
const setAnswers: ReadonlySet<PropertyKey> = new Set([
  "countArtifacts",
  "dueTasks",
  "endedTasks",
  "expiredLeases",
  "heldSlots",
  "liveWorkers",
  "storedUids",
]);
const setParts: ReadonlySet<string> = new Set(["due", "overdue", "origins"]);

/**
 * A store that asks another one the same in the same step, and tells when their answers differ. Both must be atomic:
 * an operation that is interrupted half-way would meet different records in each.
 */
export function mirroredStore(
  model: Store,
  { mirror, violated }: { readonly mirror: Store; readonly violated: (what: string) => void },
): Store {
  return new Proxy(model, {
    get(target, name: keyof Store) {
      const ask = target[name] as Call;
      const askMirror = mirror[name] as Call;
      return async (...args: unknown[]) => {
        const [own, other] = await Promise.allSettled([ask.apply(target, args), askMirror.apply(mirror, args)]);
        const [expected, got] = [own, other].map((answer) => comparable(name, answer));
        if (!isDeepStrictEqual(expected, got)) {
          const texts = [args, expected, got].map((value) => JSON.stringify(value));
          violated(`${name}(${texts[0]}) is ${texts[1]} in memory, ${texts[2]} in its mirror`);
        }
        if (own.status === "rejected") throw own.reason;
        return own.value;
      };
    },
  });
}

/** As JSON, so that what is left out and what is undefined are the same. */
function comparable(name: keyof Store, answer: PromiseSettledResult<unknown>): unknown {
  if (answer.status === "rejected") return { refused: String(answer.reason) };
  const { value } = answer;
  if (setAnswers.has(name)) return sorted(value as Iterable<unknown>);
  return JSON.parse(
    JSON.stringify(value ?? null, (key, inner) => {
      if (key === "cursor") return undefined; // means something to its own store only
      return setParts.has(key) ? sorted(inner) : inner;
    }),
  );
}

const sorted = (items: Iterable<unknown>): readonly string[] =>
  [...items].map((item) => JSON.stringify(item)).toSorted();
