import { isDeepStrictEqual } from "node:util";
import type { TaskHandle } from "../../engine/api.ts";
import type { JsonObject } from "../../errors/index.ts";
import type { Graph } from "../../graph/index.ts";
import { CliError } from "../cli-error.ts";
import type { Terminal } from "../terminal.ts";

/**
 * Whether the run that a key has found is one of this flow; what else has changed since it was started is told.
 *
 * @throws CliError `CLI_USAGE`
 */
export async function checkFound(
  terminal: Terminal,
  asked: { readonly task: TaskHandle; readonly key: string; readonly graph: Graph; readonly params: JsonObject },
): Promise<void> {
  const { task, key, graph, params } = asked;
  const found = await task.status();
  if (found.name !== graph.name) {
    const [theirs, own] = [found.name, graph.name].map((name) =>
      name === undefined ? "a flow without a name" : `'${name}'`,
    );
    throw new CliError("CLI_USAGE", `the key '${key}' is that of a run of ${theirs}, and this is ${own}`, {
      hint: "Keys are one to a store: take another key, or another store.",
    });
  }
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
