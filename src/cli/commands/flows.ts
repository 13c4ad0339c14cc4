import type { Command } from "commander";
import type { StoreOptions } from "../settings/open-parts.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { examples, storeCommands } from "./common.ts";
import { withClient } from "./with-client.ts";

export function addFlows(root: Command, terminal: Terminal): void {
  const flows = root
    .command("flows")
    .summary("pause and resume flows")
    .description("Pause and resume flows: new tasks of a paused flow are created, and wait.")
    .helpCommand(false);
  const command = storeCommands(flows);

  for (const [name, done, summary] of [
    ["pause", "paused", "let new tasks of a flow wait"],
    ["resume", "resumed", "begin the tasks that wait"],
  ] as const) {
    command(name, summary)
      .description(
        name === "pause"
          ? "Pause a flow: its tasks that have not begun wait until it is resumed. Tasks that have begun continue."
          : "Resume a flow: the tasks that waited begin.",
      )
      .argument("<flow>", "name of the flow")
      .addHelpText("after", examples(`flows ${name} nightly --store runs.db`))
      .action((flow: string, options: StoreOptions) =>
        withClient(terminal, options, async ({ client }) => {
          await client.flows[name](flow);
          if (terminal.isJson) terminal.printJson({ [done]: flow });
          else terminal.print(`${done} ${flow}`);
        }),
      );
  }

  command("list", "list the paused flows")
    .description("List the flows that are paused.")
    .addHelpText("after", examples("flows list --store runs.db"))
    .action((options: StoreOptions) =>
      withClient(terminal, options, async ({ client }) => {
        const paused = await client.flows.paused();
        if (terminal.isJson) terminal.printJson({ paused });
        else if (paused.length === 0) terminal.note("no paused flows");
        else for (const name of paused) terminal.print(name);
      }),
    );
}
