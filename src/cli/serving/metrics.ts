import type { Gauge, Registry } from "prom-client";
import type { PartHealth, WorkerHealth } from "../../engine/health.ts";
import { needPackage } from "../terminal/cli-error.ts";
import type { StoreEvents } from "./counted-store.ts";

/** What Prometheus gets, and who tells it. */
export interface Metrics {
  readonly events: StoreEvents;
  readonly contentType: string;
  /** As text, with how things are at this moment. */
  text(health: Health | undefined): Promise<string>;
}

const attemptSeconds = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1_800, 3_600];

/**
 * Counters of what this process did, gauges of how it is, and those of the process itself.
 *
 * @throws CliError `CLI_IMPORT_FAILED` without prom-client
 */
export async function openMetrics(): Promise<Metrics> {
  const prometheus = await needPackage("prom-client", () => import("prom-client"));
  const registry: Registry = new prometheus.Registry();
  const registers = [registry];
  prometheus.collectDefaultMetrics({ register: registry });
  const counter = <T extends string>(name: string, help: string, ...labelNames: readonly T[]) =>
    new prometheus.Counter({ name: `flowkit_${name}_total`, help, labelNames, registers });
  const gauge = <T extends string>(name: string, help: string, ...labelNames: readonly T[]) =>
    new prometheus.Gauge({ name: `flowkit_${name}`, help, labelNames, registers });

  const tasksEnded = counter("tasks_ended", "Tasks whose end this process stored.", "status");
  // Whoever alerts on an increase needs to have seen a 0.
  for (const status of ["finished", "failed", "cancelled"]) tasksEnded.inc({ status }, 0);
  const dispatched = counter("nodes_dispatched", "Shards of nodes that this process made ready.", "type");
  const started = counter("attempts_started", "Attempts that this process claimed.", "type");
  const ended = counter("attempts_ended", "Attempts of this process, by what became of them.", "type", "outcome");
  const seconds = new prometheus.Histogram({
    name: "flowkit_attempt_duration_seconds",
    help: "From claim to end.",
    labelNames: ["type"] as const,
    buckets: attemptSeconds,
    registers,
  });
  const batches = counter("batches_stored", "Batches that this process stored.", "type");
  const expired = counter("leases_expired", "Leases that this process found run out, by what followed.", "type", "to");

  const ready = gauge("ready", "1: it takes work.");
  const storeReachable = gauge("store_reachable", "1: the store answers.");
  const busReachable = gauge("bus_reachable", "1: the bus takes and gives messages.");
  /** Only of who runs attempts. */
  let claims: readonly [Gauge, Gauge] | undefined;
  const told = {
    busRestarts: counter("bus_restarts", "Consumers that were built again."),
    busDropped: counter("bus_dropped", "Messages that were given up."),
    deadLetters: counter("dead_letters", "Messages that nobody could read or handle."),
    loops: counter("loop_restarts", "Background jobs that were started again.", "loop"),
  };
  const flag = (yes: boolean): number => (yes ? 1 : 0);

  const look = (health: Health | undefined): void => {
    ready.set(flag(health?.ready === true));
    if (health === undefined) return;
    storeReachable.set(flag(health.store.status === "ok"));
    busReachable.set(flag(health.bus.status === "ok"));
    if (health.running !== undefined && health.capacity !== undefined) {
      claims ??= [gauge("claims_in_use", "Attempts that run now."), gauge("claims_capacity", "How many may.")];
      claims[0].set(health.running);
      claims[1].set(health.capacity);
    }
    // These are counted where they happen: a counter can only be set anew.
    for (const each of Object.values(told)) each.reset();
    told.busRestarts.inc(health.bus.restarts);
    told.busDropped.inc(health.bus.dropped);
    told.deadLetters.inc(health.deadLetters);
    for (const { name, restarts } of health.loops) told.loops.inc({ loop: name }, restarts);
  };

  return {
    contentType: registry.contentType,
    text: (health) => {
      look(health);
      return registry.metrics();
    },
    events: {
      taskEnded: (status) => tasksEnded.inc({ status }),
      shardDispatched: (type) => dispatched.inc({ type }),
      attemptStarted: (type) => started.inc({ type }),
      attemptEnded: (type, outcome, ms) => {
        ended.inc({ type, outcome });
        seconds.observe({ type }, ms / 1_000);
      },
      batchStored: (type) => batches.inc({ type }),
      leaseExpired: (type, to) => expired.inc({ type, to }),
    },
  };
}

/** What an engine, a coordinator and a worker all say of themselves; only who runs attempts has a capacity. */
export type Health = Omit<PartHealth, "state"> & Partial<Pick<WorkerHealth, "state" | "running" | "capacity">>;
