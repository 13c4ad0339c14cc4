import { FlowError } from "../../errors/index.ts";

/**
 * Takes one step after another, the next also after one that threw; then throws what was thrown.
 *
 * @throws the one error, the first of several with one code, or an AggregateError
 */
export async function runInOrder(what: string, steps: readonly (() => unknown)[]): Promise<void> {
  const errors: unknown[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      errors.push(error);
    }
  }
  throwAll(what, errors);
}

/** The same, all at once. */
export async function runConcurrently(what: string, steps: readonly (() => Promise<void>)[]): Promise<void> {
  const outcomes = await Promise.allSettled(steps.map((step) => step()));
  throwAll(
    what,
    outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason as unknown] : [])),
  );
}

function throwAll(what: string, errors: readonly unknown[]): void {
  if (errors.length === 0) return;
  const [first] = errors;
  // A server that is away is away for each of them: whoever waits for it looks for its code.
  if (errors.length === 1 || errors.every((error) => FlowError.is(first) && FlowError.is(error, first.code)))
    throw first;
  throw new AggregateError(errors, `${what} failed with several errors`);
}
