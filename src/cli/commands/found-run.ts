import { isDeepStrictEqual } from "node:util";
import type { TaskHandle } from "../../engine/api.ts";
import type { JsonObject } from "../../errors/index.ts";
import type { Graph } from "../../graph/index.ts";
import type { Terminal } from "../terminal.ts";

/** Tells what has changed since the run that a key has found was started. */
export async function tellChanges(
  terminal: Terminal,
  asked: { readonly task: TaskHandle; readonly graph: Graph; readonly params: JsonObject },
): Promise<void> {
  const { task, graph, params } = asked;
  const found = await task.status();
  const nodesOf = (nodes: readonly { readonly id: string; readonly type: string }[]) =>
    new Map(nodes.map(({ id, type }) => [id, type]));
  const isChanged = !isDeepStrictEqual(
    nodesOf(found.nodes.map(({ nodeId: id, type }) => ({ id, type }))),
    nodesOf(graph.nodes.map(({ node_id: id, type }) => ({ id, type }))),
  );
  const isAskedOtherwise = Object.entries(params).some(
    ([name, value]) => !isDeepStrictEqual(found.params[name], value),
  );
  const what = [...(isChanged ? ["other nodes"] : []), ...(isAskedOtherwise ? ["other parameters"] : [])].join(" and ");
  if (what === "") return;
  terminal.note(terminal.styled("yellow", `it was started with ${what}, and goes on as it was started`));
}
