import type { Command } from "commander";
import { logOf } from "../../core/model/records.ts";
import type { Store } from "../../core/ports/index.ts";
import { FlowError } from "../../errors/index.ts";
import { nearName } from "../../graph/format/near-name.ts";
import type { StoreOptions } from "../settings/open-store.ts";
import { CliError } from "../terminal/cli-error.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { configOption, examples, jsonOption, mongoOption, storeOption } from "./common.ts";
import { withClient } from "./with-client.ts";

const pageSize = 256;

export function addArtifacts(root: Command, terminal: Terminal): void {
  root
    .command("artifacts")
    .summary("what a node of a task has stored")
    .description(
      "Prints what a node of a task has stored so far: a line of JSON an artifact, in order. With --json each line has its shard, number and uid too.",
    )
    .argument("<task>", "the id of the task")
    .argument("<node>", "the id of the node")
    .addOption(storeOption())
    .addOption(mongoOption())
    .addOption(configOption())
    .addOption(jsonOption())
    .addHelpText("after", examples("artifacts 3f2a... clean --store runs.db"))
    .action((taskId: string, nodeId: string, options: StoreOptions) =>
      withClient(terminal, options, async ({ client, store }) => {
        const { nodes } = await client.task(taskId).status();
        refuseUnknownNode(
          nodes.map((node) => node.nodeId),
          nodeId,
        );
        await print(terminal, store, { taskId, nodeId });
      }),
    );
}

function refuseUnknownNode(nodes: readonly string[], nodeId: string): void {
  if (nodes.includes(nodeId)) return;
  const near = nearName(nodeId, nodes);
  throw new CliError("CLI_USAGE", `the task has no node '${nodeId}'`, {
    hint: near === undefined ? `It has ${nodes.join(", ")}.` : `Did you mean '${near}'?`,
  });
}

async function print(
  terminal: Terminal,
  store: Store,
  { taskId, nodeId }: { readonly taskId: string; readonly nodeId: string },
): Promise<void> {
  for (const shard of await store.readShards(taskId, [nodeId])) {
    for (let from = 0; ; from += pageSize) {
      const page = await store.readArtifacts(logOf(shard), shard.generation, from, pageSize);
      for (const { seq, uid, meta, metrics } of page) {
        const line = terminal.isJson ? { shard: shard.shard, seq, uid, meta, metrics } : meta;
        terminal.print(JSON.stringify(line));
      }
      if (page.length < pageSize) break;
    }
    const dropped = shard.status === "finished" && (shard.count ?? 0) > 0;
    if (dropped && (await store.tail(logOf(shard), shard.generation)).length === 0) {
      throw new FlowError("ARTIFACTS_DROPPED", `the artifacts of node '${nodeId}' were dropped`);
    }
  }
}
