import { match } from "ts-pattern";
import { MemoryState, type MemoryStoreEvent } from "../../adapters/memory/index.ts";
import type { ShardRecord, ShardRef, TaskStatus } from "../../core/model/records.ts";
import type { Store } from "../../core/ports/index.ts";
import { steadyTime } from "../../core/ports/steady-time.ts";
import type { RunningLimits } from "../../core/worker/attempt/worker-options.ts";
import { checkEnd } from "../checks/end-checks.ts";
import { checkIdle } from "../checks/idle-check.ts";
import { WriteChecks } from "../checks/write-checks.ts";
import { AllTasks } from "../cluster/all-tasks.ts";
import { Client } from "../cluster/client.ts";
import {
  calmDown,
  drawFaultRates,
  drawLimits,
  type FaultRates,
  type Faults,
  type SimulationMode,
} from "../cluster/fault-rates.ts";
import { Fleet, type FleetSize } from "../cluster/fleet.ts";
import { Journal } from "../cluster/journal.ts";
import { Maintenance } from "../cluster/maintenance.ts";
import { times } from "../cluster/process.ts";
import { Readers } from "../cluster/readers.ts";
import { SimBroker } from "../cluster/sim-bus.ts";
import { WallClock } from "../cluster/sim-clock.ts";
import { StaleCalls } from "../cluster/stale-calls.ts";
import type { Workload } from "../cluster/workload.ts";
import { Scheduler } from "../scheduler/scheduler.ts";
import { SeededRandom } from "../scheduler/seeded-random.ts";

export interface ClusterOptions {
  readonly seed: number;
  readonly mode: SimulationMode;
  /** What it runs; may be drawn. */
  readonly workload: (random: SeededRandom) => Workload;
  /** Kinds of trouble that don't happen, though they would. */
  readonly faults?: Faults;
  /** @defaultValue drawn */
  readonly size?: FleetSize;
  /** @defaultValue drawn */
  readonly maxLostLeases?: number;
  /** With the faults over, everything must have ended after this much, or it is stuck. */
  readonly bounds?: Bounds;
  /** Kills this process before this step, besides all other trouble. */
  readonly crashAt?: { readonly step: number; readonly process: string } | undefined;
  /** Gets a line a step, for people. */
  readonly trace?: string[];
  /** Gets a line for each thing that happened, for people. */
  readonly story?: string[];
  /** Another store, by this world's clock, that is asked the same and must answer alike. */
  readonly mirror?: ((now: () => number) => Store) | undefined;
}

/** Faults last this many steps, drawn evenly from here. */
const chaosSteps = { from: 200, more: 1_500 } as const;
/** In a calm world, workers are stopped in order in as many steps. */
const calmStops = 2_000;
/** Wide: where one node runs at a time, and often times out, five tasks one after another take their while. */
const defaultBounds: Bounds = { steps: 600_000, ms: 1_800_000 };
/** Steps after the end, for those who still want to write. */
const afterSteps = 300;
/** Few in some worlds, so that they run out. */
const maxLostLeases = [1, 3, 6, 6] as const;

interface Bounds {
  readonly steps: number;
  readonly ms: number;
}

/** One seeded universe: coordinators, workers, tasks, and trouble for a while; then quiet until all has ended. */
export class Cluster {
  readonly scheduler: Scheduler;
  readonly state = new MemoryState();
  readonly allTasks = new AllTasks(this.state);
  readonly journal = new Journal();
  readonly mirror: Store | undefined;
  readonly #mode: SimulationMode;
  readonly #bounds: Bounds;
  readonly #workload: Workload;
  readonly #crashAt: ClusterOptions["crashAt"];
  readonly #rates: FaultRates;
  readonly #maxLostLeases: number;
  readonly #running: RunningLimits;
  readonly #broker: SimBroker;
  readonly #wall: WallClock;
  /** Not on top of users' flows: they could tell nothing by it. */
  readonly #stale: StaleCalls | undefined;
  readonly #fleet: Fleet;
  readonly #client: Client;
  /** Nobody reads in most worlds: their steps would crowd out the rest. */
  readonly #readers: Readers | undefined;
  readonly #housekeeper: Maintenance | undefined;

  constructor(options: ClusterOptions) {
    const random = new SeededRandom(options.seed);
    const { leaseMs } = times;
    this.scheduler = new Scheduler(random, {
      jumpMs: leaseMs / 2,
      orphanMs: 3 * leaseMs,
      trace: options.trace,
      story: options.story,
    });
    this.#mode = options.mode;
    this.#bounds = options.bounds ?? defaultBounds;
    this.#crashAt = options.crashAt;
    const retries = random.chance(0.5);
    this.#rates = drawFaultRates(random, options.mode, { faults: options.faults, retries });
    const { scheduler, state, allTasks, journal } = this;
    this.#wall = new WallClock(scheduler);
    const storeTime = steadyTime(() => scheduler.now);
    const storeNow = (): number => storeTime(this.#wall.now());
    this.mirror = options.mirror?.(storeNow);
    this.#maxLostLeases = options.maxLostLeases ?? random.pick(maxLostLeases);
    const workload = options.workload(random);
    this.#workload = workload;
    this.#running = drawLimits(random, workload.types);
    const known = {
      state,
      journal,
      scheduler,
      workload,
      mode: options.mode,
      maxLostLeases: this.#maxLostLeases,
      running: this.#running,
      storeNow,
    };
    const checks = new WriteChecks(known);
    const observe = (event: MemoryStoreEvent): void => {
      scheduler.tell(() => tellWrite(event));
      checks.observe(event);
      this.#stale?.observe(event);
    };
    this.#broker = new SimBroker(scheduler, this.#rates.bus, (error) => {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      journal.violated(`a message handler rejected: ${text}`);
    });
    const { mirror } = this;
    const wall = this.#wall;
    this.#fleet = new Fleet(
      { ...known, allTasks, broker: this.#broker, rates: this.#rates, observe, mirror, wall },
      options.size,
    );
    const rate = this.#rates.stale;
    if (options.mode === "chaos" && workload.isKnown)
      this.#stale = new StaleCalls({ scheduler, journal, state, fleet: this.#fleet, rate });
    const { tasks, isKnown } = workload;
    // That a user's task failed must not be mended by another try.
    const retried: readonly TaskStatus[] = isKnown ? ["failed", "cancelled"] : ["cancelled"];
    const around = { scheduler, state, allTasks, journal, fleet: this.#fleet };
    this.#client = new Client({ ...around, tasks, retries: retries ? retried : [], reusesKeys: isKnown });
    // What a user's task stored is looked at when the run is over.
    const deletes = isKnown && random.chance(0.3);
    if (deletes) this.#housekeeper = new Maintenance({ ...around, client: this.#client });
    if (random.chance(deletes ? 0.6 : 0.25)) this.#readers = new Readers({ ...around, client: this.#client });
  }

  get taskIds(): readonly string[] {
    return this.#client.taskIds;
  }

  /** How each task ended. */
  get taskStatuses(): readonly string[] {
    return this.#client.taskIds.map((id) => this.allTasks.tasks.get(id)?.record.status ?? "absent");
  }

  /** The whole run, a step at a time: between two steps, promises have to be drained. */
  *run(): Generator<undefined, void> {
    yield* this.#launch();
    yield* this.#trouble();
    yield* this.#quiet();
    yield* this.#readOn();
    yield* this.#deleteAll();
    for (let step = 0; step < afterSteps && this.#step(); step++) yield;
    yield* this.#shutDown();
    if (!this.#sound) return;
    checkEnd({
      allTasks: this.allTasks,
      journal: this.journal,
      client: this.#client,
      fleet: this.#fleet,
      workload: this.#workload,
      maxLostLeases: this.#maxLostLeases,
    });
  }

  get #sound(): boolean {
    return this.journal.violations.length === 0;
  }

  #step(): boolean {
    if (!this.#sound) return false;
    if (this.#crashAt?.step === this.scheduler.steps) this.#fleet.crash(this.#crashAt.process);
    return this.scheduler.step();
  }

  #setWall(): void {
    const { scheduler, journal } = this;
    if (!scheduler.random.chance(this.#rates.clockSet)) return;
    const byMs = this.#wall.set({ mayLead: this.#mode === "chaos" });
    if (byMs > 0) journal.counts.setForward++;
    else journal.counts.setBack++;
    scheduler.tell(() => `the wall clock is set ${byMs > 0 ? "forward" : "back"} by ${Math.abs(byMs)} ms`);
  }

  *#launch(): Generator<undefined, void> {
    this.#fleet.launchAll();
    yield;
    while (!this.#fleet.allStarted && this.#step()) yield;
  }

  *#trouble(): Generator<undefined, void> {
    const { scheduler } = this;
    const { random } = scheduler;
    if (this.#rates.cancels) {
      scheduler.after(random.int(this.#mode === "calm" ? 500 : 15_000), undefined, () => this.#client.cancelOne());
    }
    if (this.#mode === "calm") return;
    scheduler.slowTime = this.#rates.slowTime;
    const until = scheduler.steps + chaosSteps.from + random.int(chaosSteps.more);
    while (scheduler.steps < until && !this.#haveAllEnded()) {
      this.#client.ask();
      this.#readers?.ask();
      this.#housekeeper?.ask();
      this.#fleet.trouble();
      this.#setWall();
      this.#stale?.make();
      if (!this.#step()) break;
      yield;
    }
  }

  *#quiet(): Generator<undefined, void> {
    const { scheduler } = this;
    const since = { steps: scheduler.steps, ms: scheduler.now };
    if (this.#mode === "chaos") {
      scheduler.tell(() => "the faults are over");
      calmDown(this.#rates);
      scheduler.slowTime = 0;
    }
    this.#fleet.reviveAll();
    if (this.#mode === "calm") {
      const { state, journal } = this;
      const stops = this.#rates.stop > 0;
      const limited = Object.keys(this.#running).length > 0;
      scheduler.onIdle = () => checkIdle({ state, journal, stops, limited, broker: this.#broker, fleet: this.#fleet });
    }
    while (!this.#haveAllEnded()) {
      this.#client.ask();
      this.#readers?.ask();
      this.#housekeeper?.ask();
      if (this.#mode === "calm" && scheduler.steps < calmStops) {
        this.#fleet.stopWorkers();
        this.#setWall();
      }
      this.#fleet.relaunchStopped();
      if (!this.#step()) break;
      yield;
      const stuck = scheduler.steps - since.steps > this.#bounds.steps || scheduler.now - since.ms > this.#bounds.ms;
      if (stuck) this.journal.violated(`not ended after ${this.#bounds.ms} quiet ms: ${this.#openShards()}`);
    }
    if (!this.#haveAllEnded()) this.journal.violated(`nothing can happen any more: ${this.#openShards()}`);
  }

  /** Whoever follows a task is told of its end. */
  *#readOn(): Generator<undefined, void> {
    const since = this.scheduler.now;
    while (this.#readers?.done === false) {
      this.#readers.ask();
      this.#fleet.relaunchStopped();
      if (!this.#step() || this.scheduler.now - since > this.#bounds.ms) break;
      yield;
    }
    if (this.#sound && this.#readers?.done === false) {
      this.journal.violated(`who reads a task is not told of its end: ${this.#readers.open}`);
    }
  }

  /** Nothing stays of tasks that are all deleted. */
  *#deleteAll(): Generator<undefined, void> {
    const housekeeper = this.#housekeeper;
    if (housekeeper === undefined) return;
    const since = this.scheduler.now;
    housekeeper.cleanUp();
    while (!housekeeper.isDone) {
      housekeeper.ask();
      this.#fleet.relaunchStopped();
      if (!this.#step() || this.scheduler.now - since > this.#bounds.ms) break;
      yield;
    }
    const { leftovers } = housekeeper;
    if (this.#sound && leftovers.length > 0) this.journal.violated(`all is deleted but ${leftovers.join(", ")}`);
  }

  *#shutDown(): Generator<undefined, void> {
    const { scheduler } = this;
    scheduler.onIdle = undefined;
    this.#fleet.stopAll();
    const since = scheduler.now;
    for (yield; !this.#fleet.allStopped; yield) {
      if (!this.#step()) break;
      if (scheduler.now - since > this.#bounds.ms) break;
    }
    if (!this.#fleet.allStopped) this.journal.violated(`a process does not stop: ${this.#fleet.stillStopping}`);
    // Who lost an attempt doesn't wait for what its handler still asks of a slow store; what that leaves behind counts.
    for (let step = 0; step < afterSteps && this.#step(); step++) yield;
  }

  /** Asked for at every step, and what has ended badly may be tried again. */
  #haveAllEnded(): boolean {
    this.#client.retrySome();
    const { taskIds, allCreated } = this.#client;
    return allCreated && taskIds.every((id) => this.allTasks.hasEnded(id));
  }

  #openShards(): string {
    const shown: string[] = [];
    for (const { record, nodes } of this.state.tasks.values()) {
      shown.push(`${record.id} ${record.status}`);
      for (const { shards } of nodes.values()) {
        for (const entry of shards) {
          if (entry === undefined) continue;
          const { nodeId, shard, status, epoch, generation, yields } = entry.record;
          if (status === "finished") continue;
          shown.push(`${nodeId}/${shard} ${status} epoch ${epoch} generation ${generation} yields ${yields}`);
        }
      }
    }
    return shown.join(", ");
  }
}

/** A write as a story of the run tells it: who did what to which node. `undefined`: nothing worth a line. */
function tellWrite(event: MemoryStoreEvent): string | undefined {
  return match(event)
    .with({ kind: "task" }, ({ taskId, to }) => `-\ttask ${taskId} is ${to}`)
    .with({ kind: "shard" }, ({ record, cause, from }) => {
      const failure = record.failure === undefined || cause !== "fail" ? "" : `: ${record.failure.message}`;
      return `${holderOf(record)}\t${nameOf(record)}\t${cause}: ${from} -> ${record.status}, epoch ${record.epoch}${failure}`;
    })
    .with({ kind: "artifact" }, ({ ref, artifact }) => {
      const { seq, uid, meta, claimId } = artifact;
      return `${processOf(claimId)}\t${nameOf(ref)}\tstores batch '${uid}' as ${seq}: ${cut(JSON.stringify(meta))}`;
    })
    .with({ kind: "restarted" }, ({ record }) => `${holderOf(record)}\t${nameOf(record)}\tstarts its output over`)
    .with({ kind: "vars" }, ({ vars }) => `-\tvars are ${cut(JSON.stringify(vars.vars))}`)
    .otherwise(() => undefined);
}

const longest = 100;

const nameOf = ({ nodeId, shard }: ShardRef): string => (shard === 0 ? nodeId : `${nodeId}/${shard}`);
const holderOf = ({ lease, lastClaimId }: ShardRecord): string => processOf(lease?.claimId ?? lastClaimId);
/** A claim's id begins with the name of its process. */
const processOf = (claimId: string | undefined): string => claimId?.slice(0, claimId.lastIndexOf("-")) ?? "-";
const cut = (text: string): string => (text.length <= longest ? text : `${text.slice(0, longest - 1)}…`);
