import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { engineCase } from "../engine-case.ts";
import { chainOf, source, step } from "../flows.ts";
import type { Case } from "../measure.ts";
import { atMostTimesFirst, atMostUs } from "../targets.ts";

const chain = (nodes: number, tasks: number) => ({
  name: `chain of ${nodes.toLocaleString("en")} nodes`,
  group: "chains",
  unit: "node",
  units: nodes * tasks,
  tasks,
  handlers: [source, step],
  graph: chainOf(nodes, source, step),
});

const short = chain(100, 100);

/**
 * The cost of storage in a file alone, without an engine: one row per step with its state and its output, each in a
 * separate transaction, with the settings of FlowKit's store.
 */
const loopOverSqlite: Case = {
  name: "plain loop over a chain, a row and a commit each in SQLite",
  group: short.group,
  unit: "node",
  units: short.units,
  async prepare() {
    const folder = await mkdtemp(join(tmpdir(), "flowkit-bench-"));
    const database = new DatabaseSync(join(folder, "runs.db"));
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 4000");
    database.exec("CREATE TABLE steps (task INTEGER, step INTEGER, state TEXT, output TEXT, PRIMARY KEY (task, step))");
    const store = database.prepare("INSERT INTO steps (task, step, state, output) VALUES (?, ?, ?, ?)");
    return {
      async run() {
        for (let task = 0; task < short.tasks; task++) {
          for (let node = 0; node < short.graph.nodes.length; node++) {
            const state = { nodeId: `n${node}`, status: "finished", startedAt: Date.now(), endedAt: Date.now() };
            store.run(task, node, JSON.stringify(state), JSON.stringify({ index: 0 }));
          }
        }
        return undefined;
      },
      async [Symbol.asyncDispose]() {
        database.close();
        await rm(folder, { recursive: true });
      },
    };
  },
};

/**
 * The cost per node: handlers do nothing, with one batch each. The long chain shows whether it grows with the graph.
 */
export const chains = [
  engineCase({ ...short, target: atMostUs(15) }),
  engineCase({ ...chain(10_000, 3), target: atMostTimesFirst(1.3) }),
  engineCase({ ...short, name: `${short.name}, SQLite`, store: "SQLite", target: atMostTimesFirst(2.5) }),
  loopOverSqlite,
  engineCase({
    ...short,
    name: `${short.name}, SQLite, a transaction each`,
    store: "SQLite, a transaction each",
    isLong: true,
  }),
];
