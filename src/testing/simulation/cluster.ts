import { MemoryState, type MemoryStoreEvent } from "../../adapters/memory/index.ts";
import { isTaskTerminal, type TaskStatus } from "../../core/model/records.ts";
import type { Store } from "../../core/ports/index.ts";
import { steadyTime } from "../../core/ports/system.ts";
import { checkEnd } from "../checks/end-checks.ts";
import { checkIdle } from "../checks/idle-check.ts";
import type { CheckParts } from "../checks/log-checks.ts";
import { WriteChecks } from "../checks/write-checks.ts";
import { AllTasks } from "../cluster/archive.ts";
import { Client } from "../cluster/client.ts";
import {
  drawFaultRates,
  drawLimits,
  type FaultRates,
  type Faults,
  type SimulationMode,
  stopFaults,
} from "../cluster/fault-rates.ts";
import { Fleet, type FleetSize } from "../cluster/fleet.ts";
import { Journal } from "../cluster/journal.ts";
import { Maintenance } from "../cluster/maintenance.ts";
import { times } from "../cluster/process.ts";
import { Readers } from "../cluster/readers.ts";
import { SimBroker } from "../cluster/sim-bus.ts";
import { WallClock } from "../cluster/sim-clock.ts";
import { StaleCalls } from "../cluster/stale-calls.ts";
import { openShards, stackOf, writeLine } from "../cluster/trace-lines.ts";
import type { Workload } from "../cluster/workload.ts";
import { Scheduler } from "../scheduler/scheduler.ts";
import { SeededRandom } from "../scheduler/seeded-random.ts";

export interface ClusterOptions {
  readonly seed: number;
  readonly mode: SimulationMode;
  /** What the cluster runs; may be drawn. */
  readonly workload: (random: SeededRandom) => Workload;
  /** Kinds of faults to disable. */
  readonly faults?: Faults;
  /** @defaultValue drawn */
  readonly size?: FleetSize;
  /** @defaultValue drawn */
  readonly maxLostLeases?: number;
  /** After this much without faults, every task must have ended. */
  readonly bounds?: Bounds;
  /** Crashes this process before this step, in addition to drawn faults. */
  readonly crashAt?: { readonly step: number; readonly process: string } | undefined;
  /** Receives a line for each step. */
  readonly trace?: string[];
  /** Receives a line for each event. */
  readonly timeline?: string[];
  /** Another store, on this cluster's clock, that receives the same calls and must return the same answers. */
  readonly mirror?: ((now: () => number) => Store) | undefined;
}

/** Faults last for `from` steps and up to `more` additional ones. */
const chaosSteps = { from: 200, more: 1_500 } as const;
/** In calm mode, workers are stopped gracefully during this many steps. */
const calmStops = 2_000;
/** Generous: with one node at a time and many timeouts, five consecutive tasks take long. */
const defaultBounds: Bounds = { steps: 600_000, ms: 1_800_000 };
/** Steps after the end, for calls that are still in flight. */
const afterSteps = 300;
/** Low in some runs, so that it is exceeded. */
const leaseLimits = [1, 3, 6, 6] as const;

interface Bounds {
  readonly steps: number;
  readonly ms: number;
}

/** Coordinators, workers and tasks under one seed: with faults for a while, then without until all tasks have ended. */
export class Cluster {
  readonly scheduler: Scheduler;
  readonly state = new MemoryState();
  readonly allTasks = new AllTasks(this.state);
  readonly journal = new Journal();
  readonly mirror: Store | undefined;
  readonly #bounds: Bounds;
  readonly #parts: CheckParts;
  readonly #crashAt: ClusterOptions["crashAt"];
  readonly #rates: FaultRates;
  readonly #broker: SimBroker;
  readonly #wall: WallClock;
  /** Only for simulated workloads: it does not apply to users' flows. */
  readonly #stale: StaleCalls | undefined;
  readonly #fleet: Fleet;
  readonly #client: Client;
  /** Absent in most runs, because readers take many steps. */
  readonly #readers: Readers | undefined;
  readonly #maintenance: Maintenance | undefined;

  constructor(options: ClusterOptions) {
    const random = new SeededRandom(options.seed);
    this.scheduler = new Scheduler(random, {
      jumpMs: times.leaseMs / 2,
      orphanMs: 3 * times.leaseMs,
      trace: options.trace,
      timeline: options.timeline,
    });
    this.#bounds = options.bounds ?? defaultBounds;
    this.#crashAt = options.crashAt;
    const retries = random.chance(0.5);
    this.#rates = drawFaultRates(random, options.mode, { faults: options.faults, retries });
    const { scheduler, state, allTasks, journal } = this;
    this.#wall = new WallClock(scheduler);
    const storeTime = steadyTime(() => scheduler.now);
    const storeNow = (): number => storeTime(this.#wall.now());
    storeNow(); // before the wall clock is set back: its later correction would let leases expire
    this.mirror = options.mirror?.(storeNow);
    const maxLostLeases = options.maxLostLeases ?? random.pick(leaseLimits);
    const workload = options.workload(random);
    const running = drawLimits(random, workload.types);
    this.#parts = {
      state,
      allTasks,
      journal,
      scheduler,
      workload,
      mode: options.mode,
      maxLostLeases,
      running,
      storeNow,
    };
    const checks = new WriteChecks(this.#parts);
    const observe = (event: MemoryStoreEvent): void => {
      scheduler.recordEvent(() => writeLine(event));
      checks.observe(event);
      this.#stale?.observe(event);
    };
    this.#broker = new SimBroker(scheduler, this.#rates.bus, (error) =>
      journal.violated(`a message handler rejected: ${stackOf(error)}`),
    );
    const { mirror } = this;
    const wall = this.#wall;
    this.#fleet = new Fleet(
      { ...this.#parts, broker: this.#broker, rates: this.#rates, observe, mirror, wall },
      options.size,
    );
    const rate = this.#rates.stale;
    if (options.mode === "chaos" && workload.isKnown)
      this.#stale = new StaleCalls({ scheduler, journal, state, fleet: this.#fleet, rate });
    const { tasks, isKnown } = workload;
    // A retry must not hide the failure of a user's task.
    const retried: readonly TaskStatus[] = isKnown ? ["failed", "cancelled"] : ["cancelled"];
    const around = { scheduler, state, allTasks, journal, fleet: this.#fleet };
    this.#client = new Client({
      ...around,
      tasks,
      retries: retries ? retried : [],
      reusesKeys: isKnown,
      asks: isKnown,
    });
    // The output of a user's task is read after the run.
    const deletes = isKnown && random.chance(0.3);
    if (deletes) this.#maintenance = new Maintenance({ ...around, client: this.#client });
    if (random.chance(deletes ? 0.6 : 0.25)) this.#readers = new Readers({ ...around, client: this.#client });
  }

  get taskIds(): readonly string[] {
    return this.#client.taskIds;
  }

  /** The whole run, step by step; the caller drains promises between two steps. */
  *run(): Generator<undefined, void> {
    yield* this.#launch();
    yield* this.#faultPhase();
    yield* this.#recoveryPhase();
    yield* this.#finishReads();
    yield* this.#deleteAll();
    for (let step = 0; step < afterSteps && this.#step(); step++) yield;
    yield* this.#shutDown();
    if (!this.#sound) return;
    checkEnd({ ...this.#parts, client: this.#client, fleet: this.#fleet });
  }

  get #sound(): boolean {
    return this.journal.violations.length === 0;
  }

  #step(): boolean {
    if (!this.#sound) return false;
    if (this.#crashAt?.step === this.scheduler.steps) this.#fleet.crash(this.#crashAt.process);
    return this.scheduler.step();
  }

  #sendRequests(): void {
    this.#client.sendOpen();
    this.#readers?.startOpen();
    this.#maintenance?.deleteEnded();
  }

  #setWall(): void {
    const { scheduler, journal } = this;
    if (!scheduler.random.chance(this.#rates.clockSet)) return;
    const byMs = this.#wall.set({ mayLead: this.#parts.mode === "chaos" });
    if (byMs > 0) journal.counts.setForward++;
    else journal.counts.setBack++;
    scheduler.recordEvent(() => `the wall clock is set ${byMs > 0 ? "forward" : "back"} by ${Math.abs(byMs)} ms`);
  }

  *#launch(): Generator<undefined, void> {
    this.#fleet.launchAll();
    yield;
    while (!this.#fleet.allStarted && this.#step()) yield;
  }

  *#faultPhase(): Generator<undefined, void> {
    const { scheduler } = this;
    const { random } = scheduler;
    if (this.#rates.cancels) {
      // Early in some runs, when many nodes have begun and few have finished.
      scheduler.after(random.int(this.#parts.mode === "calm" ? 500 : random.pick([2_000, 15_000])), undefined, () =>
        this.#client.cancelOne(),
      );
    }
    if (this.#parts.mode === "calm") return;
    scheduler.slowTime = this.#rates.slowTime;
    const until = scheduler.steps + chaosSteps.from + random.int(chaosSteps.more);
    while (scheduler.steps < until && !this.#haveAllEnded()) {
      this.#sendRequests();
      this.#fleet.injectFaults();
      this.#setWall();
      this.#stale?.make();
      if (!this.#step()) break;
      yield;
    }
  }

  *#recoveryPhase(): Generator<undefined, void> {
    const { scheduler } = this;
    const since = { steps: scheduler.steps, ms: scheduler.now };
    if (this.#parts.mode === "chaos") {
      scheduler.recordEvent(() => "the faults are over");
      stopFaults(this.#rates);
      scheduler.slowTime = 0;
    }
    this.#fleet.reviveAll();
    if (this.#parts.mode === "calm") {
      const { state, journal } = this;
      const stops = this.#rates.stop > 0;
      const limited = Object.keys(this.#parts.running).length > 0;
      scheduler.onIdle = () => checkIdle({ state, journal, stops, limited, broker: this.#broker, fleet: this.#fleet });
    }
    while (!this.#haveAllEnded()) {
      this.#sendRequests();
      if (this.#parts.mode === "calm" && scheduler.steps < calmStops) {
        this.#fleet.stopWorkers();
        this.#setWall();
      }
      this.#fleet.relaunchStopped();
      if (!this.#step()) break;
      yield;
      const stuck = scheduler.steps - since.steps > this.#bounds.steps || scheduler.now - since.ms > this.#bounds.ms;
      if (stuck)
        this.journal.violated(`not ended ${this.#bounds.ms} ms after the last fault: ${openShards(this.state)}`);
    }
    if (!this.#haveAllEnded()) this.journal.violated(`deadlock, nothing can run any more: ${openShards(this.state)}`);
  }

  /** Every reader of a task sees its end. */
  *#finishReads(): Generator<undefined, void> {
    const since = this.scheduler.now;
    while (this.#readers?.done === false) {
      this.#readers.startOpen();
      this.#fleet.relaunchStopped();
      if (!this.#step() || this.scheduler.now - since > this.#bounds.ms) break;
      yield;
    }
    if (this.#sound && this.#readers?.done === false) {
      this.journal.violated(`a reader of a task does not see its end: ${this.#readers.open}`);
    }
  }

  /** Waits for the answers to all creations: a request that is repeated after its task was deleted would create another. */
  *#finishCreations(): Generator<undefined, void> {
    const since = this.scheduler.now;
    while (!this.#client.allAnswered) {
      this.#client.sendOpen();
      this.#fleet.relaunchStopped();
      if (!this.#step() || this.scheduler.now - since > this.#bounds.ms) break;
      yield;
    }
    if (this.#sound && !this.#client.allAnswered) this.journal.violated("a request to create a task is not answered");
  }

  /** Deletes all tasks, and checks that nothing of them is left. */
  *#deleteAll(): Generator<undefined, void> {
    const maintenance = this.#maintenance;
    if (maintenance === undefined) return;
    yield* this.#finishCreations();
    const since = this.scheduler.now;
    maintenance.cleanUp();
    while (!maintenance.isDone) {
      maintenance.deleteEnded();
      this.#fleet.relaunchStopped();
      if (!this.#step() || this.scheduler.now - since > this.#bounds.ms) break;
      yield;
    }
    const { leftovers } = maintenance;
    if (this.#sound && leftovers.length > 0)
      this.journal.violated(`left after all tasks were deleted: ${leftovers.join(", ")}`);
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
    // A stop does not wait for slow store calls of abandoned attempts; their late effects are checked too.
    for (let step = 0; step < afterSteps && this.#step(); step++) yield;
  }

  /** Called at every step; may retry tasks that did not finish. */
  #haveAllEnded(): boolean {
    this.#client.retrySome();
    const { taskIds, allCreated } = this.#client;
    if (!allCreated || !taskIds.every((id) => this.allTasks.hasEnded(id))) return false;
    return this.allTasks.childrenOf().every(({ record }) => isTaskTerminal(record.status));
  }
}
