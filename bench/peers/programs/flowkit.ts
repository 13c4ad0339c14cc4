import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join as pathOf } from "node:path";
import { defineHandler, type Graph, silentLogger } from "flowkit";
import { createEngine, type EngineOptions } from "flowkit/engine";
import * as z from "zod";
import { flowOf } from "../../engine-case.ts";
import { fanOutTo, untypedFlow } from "../../flows.ts";
import type { Program, Programs } from "../program.ts";
import { addOne, itemAt, sizes, start, sumOf } from "../shapes.ts";

const Item = z.object({ n: z.int(), label: z.string() });

/** The first step of a chain and of a fan-out: its input is the constant that the others start from. */
const first = defineHandler("first", {
  output: Item,
  *iterBatches() {
    yield { payload: addOne(start) };
  },
});
const items = defineHandler("items", {
  output: Item,
  *iterBatches() {
    for (let n = 0; n < sizes.items; n++) yield { payload: itemAt(n) };
  },
});
const step = defineHandler("step", { input: Item, output: Item, processBatch: addOne });
const join = defineHandler("join", {
  input: z.record(z.string(), z.array(Item)),
  output: Item,
  processBatch: (branches) => sumOf(Object.values(branches).flat()),
});
const handlers = [first, items, step, join];

function chainOf(length: number): Graph {
  let chain = untypedFlow("chain").node("s1", first);
  for (let n = 2; n <= length; n++) chain = chain.then(`s${n}`, step);
  return chain.compile();
}

function fanOut(): Graph {
  const branches = Array.from({ length: sizes.branches }, (_, n) => `b${n}`);
  const joined = { after: branches, input: { adapter: "pull.gather" } };
  return fanOutTo(branches, first, step).node("join", join, joined).compile();
}

function stream(): Graph {
  let stream = untypedFlow("stream").node("items", items);
  for (let n = 1; n <= sizes.itemSteps; n++) stream = stream.then(`s${n}`, step, { startWhen: "first_batch" });
  return stream.compile();
}

/** The place where an engine keeps its tasks. */
type Place = Pick<EngineOptions, "store" | "bus"> & { remove?(): void };

async function programOf(
  graph: Graph,
  times: number,
  { remove, ...options }: Place & Pick<EngineOptions, "capacity"> = {},
): Promise<Program> {
  const engine = await createEngine({ handlers, logger: silentLogger, ...options });
  const flow = flowOf(graph);
  return {
    async run() {
      const tasks = await Promise.all(Array.from({ length: times }, () => engine.run(flow)));
      const results = await Promise.all(tasks.map((task) => task.result()));
      return sumOf(results.flatMap((result) => Object.values(result).flat()) as z.infer<typeof Item>[]);
    },
    async close() {
      await engine.stop();
      remove?.();
    },
  };
}

async function postgres(): Promise<Place> {
  const { postgresBus, postgresStore } = await import("flowkit/adapters/postgres");
  const url = process.env.POSTGRES_URL ?? "";
  return { store: postgresStore({ url }), bus: postgresBus({ url }) };
}

async function sqlite(): Promise<Place> {
  const { sqliteStore } = await import("flowkit/adapters/sqlite");
  const folder = mkdtempSync(pathOf(tmpdir(), "flowkit-peers-"));
  return { store: sqliteStore(pathOf(folder, "runs.db")), remove: () => rmSync(folder, { recursive: true }) };
}

const stored = (place: () => Promise<Place>): Programs => ({
  storedChain: async () => programOf(chainOf(sizes.chain), 1, { ...(await place()), capacity: sizes.atOnce }),
  storedTasks: async () =>
    programOf(chainOf(sizes.taskSteps), sizes.storedTasks, { ...(await place()), capacity: sizes.atOnce }),
});

export const memory: Programs = {
  chain: () => programOf(chainOf(sizes.chain), 1),
  fanOut: () => programOf(fanOut(), 1),
  tasks: () => programOf(chainOf(sizes.taskSteps), sizes.tasks),
  stream: () => programOf(stream(), 1),
};
export const onSqlite = stored(sqlite);
export const onPostgres = stored(postgres);
