import { parseArgs } from "node:util";
import { FlowError } from "flowkit";
import { createEngine, type TaskHandle } from "flowkit/engine";
import { crawl } from "./flow.ts";
import { startSite } from "./site.ts";
import { renderFacts, renderReport, shortener } from "./wording.ts";

// node examples/crawl/main.ts [--most pages] [--patience ms] [url]: crawls a built-in site, or yours
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { most: { type: "string", default: "200" }, patience: { type: "string", default: "1500" } },
});
await using site = positionals.length === 0 ? await startSite() : undefined;
const start = positionals[0] ?? site?.url ?? "";
const short = shortener(start);

await using engine = await createEngine({ handlers: crawl.handlers, inputAdapters: crawl.inputAdapters });
try {
  const task = await engine.run(crawl, {
    params: { start, patienceMs: Number(values.patience), mostPages: Number(values.most) },
  });
  // The first Ctrl-C cancels the task and aborts pending requests. A second one exits.
  process.once("SIGINT", () => void task.cancel({ reason: "Ctrl-C" }));
  await showPages(task);
  const { report, sums } = await task.result();
  for (const findings of report) {
    console.log(renderReport({ ...findings, links: sums.metrics.links ?? 0 }, short));
  }
} catch (error) {
  if (!FlowError.is(error)) throw error;
  console.error(`\n${error.message}`);
  process.exitCode = error.code === "TASK_CANCELLED" ? 130 : 1;
}

type Crawl = TaskHandle<typeof crawl.$infer>;

async function showPages(task: Crawl): Promise<void> {
  for await (const facts of task.artifacts("inspect")) console.log(renderFacts(facts, short));
}
