import { edit, type Mutation, mutation } from "./mutation.ts";

const consume = "core/worker/attempt/consume-input.ts";
const gathering = "core/worker/input/gather-input.ts";
const pattern = "graph/format/pattern.ts";

export const whereMutations: readonly Mutation[] = [
  mutation(
    "a stream takes batches that do not match",
    edit(consume, "  if (takes?.(artifact.meta) === false) return [];\n", ""),
  ),
  mutation(
    "a gather takes batches that do not match",
    edit(gathering, "if (options.takes?.(meta) !== false) outputs.push(meta);", "outputs.push(meta);"),
  ),
  mutation(
    "an input ends at the first batch that does not match",
    edit(
      consume,
      "    this.#payloads ??= payloadsOf(artifact, source, input);\n",
      `    if (isOutput(artifact) && input.takes?.(artifact.meta) === false) {
      this.#at = this.#page.artifacts.length;
      return undefined;
    }
    this.#payloads ??= payloadsOf(artifact, source, input);
`,
    ),
  ),
  {
    elsewhere: {
      file: "test/integration/engine/where.test.ts",
      title: "counts what does not match as read",
      why: "requires a source that waits for a consumer which leaves out more than the limit in a row",
    },
    ...mutation(
      "batches that do not match do not count as read",
      edit(
        consume,
        "return only === undefined ?",
        "return only === undefined && input.takes?.(artifact.meta) !== false ?",
      ),
    ),
  },
  mutation(
    "a list of a pattern matches only its first value",
    edit(
      pattern,
      "return (value) => form.values.includes(value as Scalar);",
      "return (value) => form.values[0] === value;",
    ),
  ),
  mutation(
    "a negation matches no key that is missing",
    edit(pattern, "return (value) => !matches(value);", "return (value) => value !== undefined && !matches(value);"),
  ),
];
