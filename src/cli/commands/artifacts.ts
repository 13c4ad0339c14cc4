import type { Command } from "commander";
import { logOf } from "../../core/model/records.ts";
import type { Store } from "../../core/ports/index.ts";
import { FlowError } from "../../errors/index.ts";
import { nearName } from "../../graph/format/near-name.ts";
import type { StoreOptions } from "../settings/open-parts.ts";
import { CliError } from "../terminal/cli-error.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { configOption, examples, jsonOption, mongoOption, storeOption } from "./common.ts";
import { withTask } from "./with-client.ts";

const pageSize = 256;

export function addArtifacts(root: Command, terminal: Terminal): void {
  root
    .command("artifacts")
    .summary("print the artifacts of a node")
    .description(
      "Print the artifacts that a node of a task has stored so far, in order, one line of JSON each. With --json, each line also has the shard, the seq, the uid and the metrics.",
    )
    .argument("<task>", "task id")
    .argument("<node>", "node id")
    .addOption(storeOption())
    .addOption(mongoOption())
    .addOption(configOption())
    .addOption(jsonOption())
    .addHelpText("after", examples("artifacts 3f2a... clean --store runs.db"))
    .action((given: string, nodeId: string, options: StoreOptions) =>
      withTask(terminal, options, given, async ({ client, store, id: taskId }) => {
        const { nodes } = await client.task(taskId).status();
        assertNodeExists(
          nodes.map((node) => node.nodeId),
          nodeId,
        );
        await print(terminal, store, { taskId, nodeId });
      }),
    );
}

function assertNodeExists(nodes: readonly string[], nodeId: string): void {
  if (nodes.includes(nodeId)) return;
  const near = nearName(nodeId, nodes);
  throw new CliError("CLI_USAGE", `node not found: '${nodeId}'`, {
    hint: near === undefined ? `The nodes of the task: ${nodes.join(", ")}` : `Did you mean '${near}'?`,
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
    const hadArtifacts = shard.status === "finished" && (shard.count ?? 0) > 0;
    if (hadArtifacts && (await store.tail(logOf(shard), shard.generation)).length === 0) {
      throw new FlowError("ARTIFACTS_DROPPED", `the artifacts of node '${nodeId}' have been dropped`);
    }
  }
}
