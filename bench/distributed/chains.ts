import { performance } from "node:perf_hooks";
import type { Graph } from "flowkit";
import { Client } from "flowkit/engine";
import { flowOf } from "../engine-case.ts";
import { source, step } from "../flows.ts";
import { quantile } from "../measure.ts";
import { connected, isWrite, noUse, type Servers } from "./connections.ts";
import { Fleet, type FleetOptions } from "./fleet.ts";

export interface Load {
  readonly name: string;
  readonly graph: Graph;
  readonly tasks: number;
  readonly atOnce: number;
}

export const loadColumns = [
  ...["case", "coordinators", "workers", "nodes/s", "p50 ms", "p99 ms", "writes/node", "commands/node"],
  ...["messages/node", "lost claims/node", "cpu ms/node", "waited ms/node"],
];

/** Runs the tasks of a load on a fleet. Returns a row of the table, and the commands per node by name. */
export async function measureLoad({ name, graph, tasks, atOnce }: Load, fleetOptions: FleetOptions, servers: Servers) {
  const { coordinators, workers } = fleetOptions;
  const fleet = await Fleet.start(fleetOptions, servers);
  const { store, bus, close } = connected(servers as NodeJS.ProcessEnv, noUse());
  const client = new Client({ store, bus, handlers: [source, step] });
  await client.start();
  const flow = flowOf(graph);
  const ids: string[] = [];
  const started = performance.now();
  for (let begun = 0; begun < tasks; begun += atOnce) {
    const running = await Promise.all(Array.from({ length: atOnce }, () => client.run(flow)));
    await Promise.all(running.map((task) => task.result()));
    ids.push(...running.map(({ id }) => id));
  }
  const seconds = (performance.now() - started) / 1000;
  const usage = await fleet.stop();
  const latencies: number[] = [];
  for (const id of ids) {
    const records = new Map((await store.readShards(id)).map((record) => [record.nodeId, record]));
    const at = (nodeId: string, to: string) =>
      records.get(nodeId)?.history.find((entry) => entry.to === to)?.at ?? Number.NaN;
    for (const { node_id: id, depends_on: parents } of graph.nodes) {
      if (parents.length > 0)
        latencies.push(at(id, "running") - Math.max(...parents.map((parent) => at(parent, "finished"))));
    }
  }
  await client.stop();
  await close();
  latencies.sort((a, b) => a - b);
  const nodes = ids.length * graph.nodes.length;
  const perNode = (number: number) => (number / nodes).toFixed(2);
  const named = Object.entries(usage.byName).toSorted(([, a], [, b]) => b - a);
  const writes = named.reduce((sum, [name, count]) => sum + (isWrite(name) ? count : 0), 0);
  return {
    row: [
      name,
      `${coordinators}`,
      `${workers}`,
      (nodes / seconds).toFixed(1),
      quantile(latencies, 0.5).toFixed(0),
      quantile(latencies, 0.99).toFixed(0),
      perNode(writes),
      perNode(usage.commands),
      perNode(usage.messages),
      perNode(usage.lostClaims),
      perNode(usage.cpuMs),
      perNode(usage.waitedMs),
    ],
    byName: named.map(([name, count]) => `${name} ${perNode(count)}`).join(", "),
  };
}
