import type { Gauge, Registry } from "prom-client";
import type { PartHealth, WorkerHealth } from "../../engine/lifecycle.ts";
import { requirePackage } from "../terminal/cli-error.ts";
import type { StoreEvents } from "./counted-store.ts";

/** The Prometheus metrics of a process. */
export interface Metrics {
  readonly events: StoreEvents;
  readonly contentType: string;
  /** The exposition text, with gauges set from `health`. */
  text(health: Health | undefined): Promise<string>;
}

const attemptSeconds = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1_800, 3_600];

/**
 * Creates counters of what this process did, gauges of its health, and the default metrics of prom-client.
 *
 * @throws CliError `CLI_IMPORT_FAILED` without prom-client
 */
export async function openMetrics(): Promise<Metrics> {
  const prometheus = await requirePackage("prom-client", () => import("prom-client"));
  const registry: Registry = new prometheus.Registry();
  const registers = [registry];
  prometheus.collectDefaultMetrics({ register: registry });
  const counter = <T extends string>(name: string, help: string, ...labelNames: readonly T[]) =>
    new prometheus.Counter({ name: `flowkit_${name}_total`, help, labelNames, registers });
  const gauge = <T extends string>(name: string, help: string, ...labelNames: readonly T[]) =>
    new prometheus.Gauge({ name: `flowkit_${name}`, help, labelNames, registers });

  const tasksEnded = counter("tasks_ended", "Tasks whose end this process stored, by status.", "status");
  // Alerts on an increase need the initial 0.
  for (const status of ["finished", "failed", "cancelled"]) tasksEnded.inc({ status }, 0);
  const dispatched = counter("nodes_dispatched", "Shards of nodes that this process queued for workers.", "type");
  const started = counter("attempts_started", "Attempts that this process claimed.", "type");
  const ended = counter("attempts_ended", "Attempts of this process that ended, by outcome.", "type", "outcome");
  const seconds = new prometheus.Histogram({
    name: "flowkit_attempt_duration_seconds",
    help: "Time from the claim to the end of an attempt.",
    labelNames: ["type"] as const,
    buckets: attemptSeconds,
    registers,
  });
  const batches = counter("batches_stored", "Batches that this process stored.", "type");
  const aside = counter("batches_set_aside", "Failed batches that this process set aside.", "type", "reason_code");
  const expired = counter(
    "leases_expired",
    "Expired leases that this process detected, by the new status of the node.",
    "type",
    "to",
  );

  const ready = gauge("ready", "1 if the process accepts work.");
  const storeReachable = gauge("store_reachable", "1 if the store responds.");
  const busReachable = gauge("bus_reachable", "1 if the bus accepts and delivers messages.");
  /** Created only for processes that run attempts. */
  let claims: readonly [Gauge, Gauge] | undefined;
  const reported = {
    busRestarts: counter("bus_restarts", "Bus consumers that were rebuilt."),
    busDropped: counter("bus_dropped", "Messages that were dropped."),
    deadLetters: counter("dead_letters", "Messages that could not be read or handled."),
    loops: counter("loop_restarts", "Background loops that were restarted.", "loop"),
  };
  const flag = (yes: boolean): number => (yes ? 1 : 0);

  const update = (health: Health | undefined): void => {
    ready.set(flag(health?.ready === true));
    if (health === undefined) return;
    storeReachable.set(flag(health.store.status === "ok"));
    busReachable.set(flag(health.bus.status === "ok"));
    if (health.running !== undefined && health.capacity !== undefined) {
      claims ??= [
        gauge("claims_in_use", "Running attempts."),
        gauge("claims_capacity", "Maximum of running attempts."),
      ];
      claims[0].set(health.running);
      claims[1].set(health.capacity);
    }
    // These are counted elsewhere, and a counter can only be reset and incremented.
    for (const each of Object.values(reported)) each.reset();
    reported.busRestarts.inc(health.bus.restarts);
    reported.busDropped.inc(health.bus.dropped);
    reported.deadLetters.inc(health.deadLetters);
    for (const { name, restarts } of health.loops) reported.loops.inc({ loop: name }, restarts);
  };

  return {
    contentType: registry.contentType,
    text: (health) => {
      update(health);
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
      batchSetAside: (type, reasonCode) => aside.inc({ type, reason_code: reasonCode }),
      leaseExpired: (type, to) => expired.inc({ type, to }),
    },
  };
}

/** The health of an engine, a coordinator or a worker; only processes that run attempts have a capacity. */
export type Health = Omit<PartHealth, "state"> & Partial<Pick<WorkerHealth, "state" | "running" | "capacity">>;
