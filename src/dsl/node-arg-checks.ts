import { say } from "../graph/format/messages.ts";
import { ownFnOf, type Step } from "./step.ts";
import { withHint } from "./with-hint.ts";

type FnStep = Step & { readonly kind: "fn" };

/** Node ids in the arguments of a coordinator function. What a built-in one reads must be among its parents. */
export function nodeArgFindings(step: FnStep, seen: ReadonlySet<string>): string[] {
  const { id: node, options } = step;
  const args = (options.args ?? {}) as Readonly<Record<string, unknown>>;
  const own = ownFnOf(step)?.nodeArgs ?? [];
  const unknown = (ids: readonly unknown[]) =>
    ids
      .filter((id) => typeof id === "string" && !seen.has(id))
      .map((id) => withHint(say("unknownSource", { node, id: String(id) }), String(id), seen));
  const sources = sourceArgs(step).flatMap((key) => args[key]);
  const outside = sources.filter((id) => typeof id === "string" && seen.has(id) && !options.after.includes(id));
  return [
    ...unknown([...sources, ...own.flatMap((key) => args[key])]),
    ...outside.map((id) => say("fromOutsideAfter", { node, id: String(id) })),
    ...targetFindings(step, args.target),
  ];
}

function sourceArgs({ fn }: FnStep): readonly string[] {
  if (fn === "merge.generic") return ["fromNodes"];
  return fn === "metrics.aggregate" ? ["nodeId"] : [];
}

function targetFindings({ id: node, fn }: FnStep, target: unknown): string[] {
  if (fn !== "merge.generic" || typeof target !== "object" || target === null || !("nodeId" in target)) return [];
  const { nodeId: id } = target;
  return typeof id !== "string" || id === node ? [] : [say("mergeTarget", { node, id })];
}
