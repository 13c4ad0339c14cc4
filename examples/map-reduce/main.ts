import { parseArgs, styleText } from "node:util";
import { FlowError } from "flowkit";
import { createEngine, type TaskHandle } from "flowkit/engine";
import { declarationsFolder } from "./declarations.ts";
import { words } from "./flow.ts";
import { renderTop } from "./wording.ts";

// node examples/map-reduce/main.ts [--most words] [--letters least] [folder]
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { most: { type: "string", default: "20" }, letters: { type: "string", default: "5" } },
});
const [folder = declarationsFolder()] = positionals;

await using engine = await createEngine({ handlers: words.handlers });
try {
  const task = await engine.run(words, {
    params: { folder, most: Number(values.most), letters: Number(values.letters) },
  });
  // The first Ctrl-C cancels the task. A second one exits.
  process.once("SIGINT", () => void task.cancel({ reason: "Ctrl-C" }));
  await showNodes(task);
  const { top } = await task.result();
  for (const found of top) console.log(renderTop(found, process.stdout.columns || 100));
} catch (error) {
  if (!FlowError.is(error)) throw error;
  console.error(`\n${error.message}`);
  process.exitCode = error.code === "TASK_CANCELLED" ? 130 : 1;
}

/** Prints a line for each finished shard. */
async function showNodes(task: TaskHandle<typeof words.$infer>): Promise<void> {
  const startedAt = new Map<string, number>();
  for await (const event of task.events()) {
    if (event.kind !== "node") continue;
    const shard = event.nodeId === "map" ? `map ${event.shard + 1} of 4` : event.nodeId;
    if (event.to === "running") startedAt.set(shard, event.at);
    if (event.to !== "finished") continue;
    const sec = ((event.at - (startedAt.get(shard) ?? event.at)) / 1_000).toFixed(1);
    const { batches = 0 } = event;
    console.log(
      `${styleText("green", "✔")} ${shard.padEnd(15)} ${String(batches).padStart(3)} ${batches === 1 ? "batch  " : "batches"} ${styleText("dim", `${sec} s`)}`,
    );
  }
}
