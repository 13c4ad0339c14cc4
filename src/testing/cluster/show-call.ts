/* Calls and answers as a trace shows them: short enough for a line, exact enough to follow a run by eye. */

const longest = 160;

export function showArguments(args: readonly unknown[]): string {
  return cut(` ${args.map(show).join(" ")}`);
}

export function showAnswer(answer: unknown): string {
  return cut(` ${Array.isArray(answer) ? `[${answer.map(show).join(", ")}]` : show(answer)}`);
}

function show(value: unknown): string {
  if (typeof value !== "object" || value === null) return String(value);
  if (isRef(value)) return showRef(value);
  if ("graph" in value) return "<task>";
  return JSON.stringify(value);
}

function isRef(value: object): value is { taskId: string; nodeId: string; shard: number; [key: string]: unknown } {
  return "taskId" in value && "nodeId" in value && "shard" in value;
}

function showRef(ref: { taskId: string; nodeId: string; shard: number; [key: string]: unknown }): string {
  const named = ["status", "epoch", "claimId", "generation", "count"].flatMap((key) =>
    ref[key] === undefined ? [] : [`${key}=${String(ref[key])}`],
  );
  return `${ref.taskId}:${ref.nodeId}:${ref.shard} ${named.join(" ")}`.trim();
}

const cut = (text: string): string => (text.length <= longest ? text : `${text.slice(0, longest - 1)}…`);
