import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { kafkaBus } from "../../src/adapters/kafka/index.ts";
import { mongoStore } from "../../src/adapters/mongo/index.ts";
import { silentLogger } from "../../src/definitions/index.ts";
import { Client } from "../../src/engine/client.ts";
import { partsAdapter } from "../../src/testing/cluster/computation.ts";
import { workerTypes } from "../../src/testing/cluster/random-graph.ts";
import { SeededRandom } from "../../src/testing/scheduler/seeded-random.ts";
import type { Asks } from "./asks.ts";
import { Calls } from "./calls.ts";
import type { ChaosSchedules } from "./chaos-schedules.ts";
import { checkDrawn, checkLimits, checkNothingRan, peakOf } from "./checks/end-checks.ts";
import { Evidence, type TaskEvidence } from "./evidence.ts";
import { describeFault, type FaultKind, faultSchedule } from "./faults.ts";
import { Fleet } from "./fleet.ts";
import { FaultInjector } from "./inject.ts";
import { machineMs } from "./journal.ts";
import { Load } from "./load.ts";
import { type PartPlace, shared } from "./process-spec.ts";
import { retryUntil } from "./retry-until.ts";
import { type ChaosServers, startServers } from "./servers.ts";

export interface ChaosOptions {
  readonly seed: number;
  /** Maximum duration of creating tasks and injecting faults, in ms. */
  readonly lastsMs: number;
  readonly tasks: number;
  /** Stops at the first violation. */
  readonly untilBroken?: boolean;
  readonly coordinators: number;
  readonly workers: number;
  readonly external: number;
  /** Concurrent tasks. */
  readonly open: number;
  readonly kinds: readonly FaultKind[];
  /** Folder for journals, logs and violations. */
  readonly folder: string;
  readonly say: (line: string) => void;
  /** Stops the run early. */
  readonly signal?: AbortSignal;
}

export interface ChaosReport {
  readonly broken: readonly string[];
  readonly counts: Load["counts"] & Asks["counts"] & ChaosSchedules["counts"];
  readonly faults: Readonly<Record<string, number>>;
  readonly calls: number;
  readonly starts: number;
  /** Maximum number of attempts that ran handler code concurrently. */
  readonly peak: number;
  /** From the end of the faults to the end of the last task. */
  readonly calmMs: number;
}

const turnMs = 300;
const sayEveryMs = 10_000;
const capacity = 6;
const database = "flowkit_chaos";
const largestBackoffMs = 8_000;
/** A command that no external worker accepts is re-sent with doubling delays: five times, on a busy machine. */
const longestOfferMs = shared.externalAcceptMs * 2 ** 5;
/**
 * Law 6, with tolerance for a busy machine: within this time one of the tasks must end; the others may be waiting.
 */
const boundMs = largestBackoffMs + shared.leaseMs + shared.sweepMs + longestOfferMs + 10_000;

/**
 * Runs tasks on separate coordinator and worker processes while these, their servers and their connections fail. The
 * seed determines graphs and faults but not timing, so every run is different.
 */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  rmSync(options.folder, { recursive: true, force: true });
  mkdirSync(options.folder, { recursive: true });
  await using stack = new AsyncDisposableStack();
  options.say("starting the servers");
  const servers = await startServers(options.folder);
  stack.defer(() => servers.close());
  const run = new ChaosRun(options, servers);
  stack.defer(() => run.close());
  return await run.run();
}

class ChaosRun {
  readonly #options: ChaosOptions;
  readonly #broken: string[] = [];
  readonly #parts: readonly PartPlace[];
  readonly #calls = new Calls();
  readonly #fleet: Fleet;
  readonly #client: Client;
  readonly #evidence: Evidence;
  readonly #load: Load;
  readonly #injector: FaultInjector;
  readonly #startedAt = performance.now();

  constructor(options: ChaosOptions, servers: ChaosServers) {
    const { seed, folder, tasks, open } = options;
    const { externalTypes, limits } = shared;
    const types = [...workerTypes, ...externalTypes];
    this.#options = options;
    this.#parts = partsOf(options);
    const store = mongoStore({ url: servers.mongoUrl, database });
    const bus = kafkaBus({ brokers: servers.brokers, topics: { partitions: 3 }, closeTimeoutMs: 2_000 });
    const inputAdapters = [partsAdapter];
    this.#client = new Client({
      store,
      bus,
      workerTypes: types,
      externalTypes,
      inputAdapters,
      logger: silentLogger,
      ...limits,
    });
    this.#evidence = new Evidence({ url: servers.mongoUrl, database, store });
    this.#fleet = new Fleet({
      ...options,
      parts: this.#parts,
      spec: { mongoUrl: servers.proxiedMongoUrl, database, brokers: servers.brokers, capacity },
      onCrash: (life, how) => this.#broke([`${life.name} exited unexpectedly with ${how}: see ${life.log}`]),
    });
    this.#load = new Load({
      client: this.#client,
      evidence: this.#evidence,
      calls: this.#calls,
      readCalls: () => this.#calls.readFrom(this.#fleet.lives),
      random: new SeededRandom(seed),
      tasks,
      open,
      onBroken: (wrong, evidence) => this.#brokeTask(wrong, evidence),
    });
    this.#injector = new FaultInjector({
      fleet: this.#fleet,
      servers,
      random: new SeededRandom(seed + 1),
      onFault: (fault) => this.#say(describeFault(fault)),
    });
    writeFileSync(join(folder, "run.json"), JSON.stringify(options, null, 2));
  }

  async run(): Promise<ChaosReport> {
    const { seed, lastsMs, kinds, coordinators, workers, external } = this.#options;
    await this.#client.start(); // creates the collections
    this.#say(`starting ${coordinators} coordinators, ${workers} workers and ${external} external ones`);
    await this.#fleet.start();
    await this.#load.schedules.start();
    const over = new AbortController();
    const random = new SeededRandom(seed + 2);
    const schedule = faultSchedule({ random, lastsMs, kinds, parts: this.#parts, leaseMs: shared.leaseMs });
    const faults = this.#injector.run(schedule, over.signal);
    let faultsFailed: unknown;
    const faultsEnd = faults.catch((error: unknown) => {
      faultsFailed = error;
    });
    const until = performance.now() + lastsMs;
    const mayGoOn = () =>
      performance.now() < until &&
      faultsFailed === undefined &&
      !this.#isEnough &&
      !(this.#load.isComplete && this.#load.open.length === 0);
    await this.#turns(mayGoOn, { mayCreate: true });
    over.abort();
    this.#say("no more faults: waiting for open tasks");
    await faultsEnd;
    if (faultsFailed !== undefined) throw faultsFailed;
    const schedules = await this.#load.schedules.stop();
    const calmFrom = performance.now();
    let [open, endedAt] = [this.#load.open.length, calmFrom];
    const isGoingOn = () => {
      if (this.#isEnough) return false;
      if (this.#load.open.length < open) [open, endedAt] = [this.#load.open.length, performance.now()];
      return open > 0 && performance.now() - endedAt < boundMs;
    };
    await this.#turns(isGoingOn, { mayCreate: false });
    const calmMs = performance.now() - calmFrom;
    if (!this.#isEnough) {
      await this.#judgeOpen();
      await this.#turns(() => !this.#load.isEmpty && this.#load.open.length === 0, { mayCreate: false });
    }
    await this.#checkEnd();
    if (this.#load.isEmpty) this.#broke(this.#load.schedules.check(schedules));
    const counts = { ...this.#load.counts, ...this.#load.asks.counts, ...this.#load.schedules.counts };
    if (this.#options.kinds.length > 0) this.#broke(checkDrawn(counts));
    return {
      broken: this.#broken,
      counts,
      faults: Object.fromEntries(this.#injector.counts),
      calls: this.#calls.count,
      starts: this.#fleet.counts.starts,
      peak: peakOf(this.#calls),
      calmMs,
    };
  }

  get #isEnough(): boolean {
    return this.#options.untilBroken === true && this.#broken.length > 0;
  }

  async close(): Promise<void> {
    await this.#fleet.close();
    await this.#client.stop({ graceMs: 0 });
    await this.#evidence.close();
  }

  async #turns(goOn: () => boolean, how: { readonly mayCreate: boolean }): Promise<void> {
    let saidAt = performance.now();
    while (goOn()) {
      this.#options.signal?.throwIfAborted();
      await this.#load.turn(how);
      if (performance.now() - saidAt >= sayEveryMs) {
        saidAt = performance.now();
        this.#sayHow();
      }
      await sleep(turnMs);
    }
  }

  /** Law 6. */
  async #judgeOpen(): Promise<void> {
    for (const id of this.#load.open) {
      const { nodes } = await this.#client.task(id).explain();
      const why = nodes.map(({ text }) => text).join("; ");
      this.#brokeTask(
        [`task ${id}: still open; no task has ended within ${boundMs / 1000} s after the faults: ${why}`],
        await this.#evidence.ofTask(id),
      );
    }
  }

  async #checkEnd(): Promise<void> {
    this.#calls.readFrom(this.#fleet.lives);
    this.#broke(this.#load.sampler.wrong);
    this.#broke(this.#load.asks.wrong);
    this.#broke(checkLimits(this.#calls, this.#load.nodeLimits));
    const wallOffset = Date.now() - machineMs();
    this.#broke(checkNothingRan(this.#calls, { endedAt: this.#load.endedAt, wallOffset }));
    if (this.#load.isEmpty) await this.#checkLeftovers();
    const { items } = await this.#client.deadLetters({ limit: 5 });
    this.#broke(items.map(({ topic, reason, body }) => `a dead letter of ${topic}: ${reason}: ${body.slice(0, 200)}`));
  }

  /** All tasks are deleted: workers and sweeps remove shards and slots left by late writes. */
  async #checkLeftovers(): Promise<void> {
    const until = performance.now() + shared.leaseMs + shared.sweepMs * 2;
    let left: readonly string[];
    do {
      // A child task that had not ended when its parent was deleted.
      await retryUntil(() => this.#client.cleanup({ endedForSec: 0 }));
      left = await this.#evidence.leftovers();
      if (left.length === 0) return;
      await sleep(turnMs);
    } while (performance.now() < until);
    this.#broke([`left over from deleted tasks: ${left.join(", ")}`]);
  }

  #brokeTask(wrong: readonly string[], evidence: TaskEvidence): void {
    const { id } = evidence.task;
    const calls = this.#calls.of(id).map(({ life, ...call }) => ({ ...call, life: life.name }));
    const path = join(this.#options.folder, `broken-${id}.json`);
    writeFileSync(path, JSON.stringify({ wrong, ...evidence, calls }, null, 2));
    this.#broke(wrong.map((what) => `${what} (${path})`));
  }

  #broke(wrong: readonly string[]): void {
    for (const what of wrong) this.#say(`BROKEN: ${what}`);
    this.#broken.push(...wrong);
  }

  #sayHow(): void {
    const { created, finished, failed, cancelled, batches } = this.#load.counts;
    const open = this.#load.open.length;
    this.#say(
      `${created} tasks created, ${open} open; checked: ${finished} finished, ${failed} failed, ${cancelled} cancelled, ` +
        `${batches} batches; ${this.#calls.count} calls of handlers`,
    );
  }

  #say(line: string): void {
    const seconds = ((performance.now() - this.#startedAt) / 1000).toFixed(0).padStart(4);
    this.#options.say(`${seconds} s  ${line}`);
  }
}

function partsOf({ coordinators, workers, external }: ChaosOptions): readonly PartPlace[] {
  const counts = { coordinator: coordinators, worker: workers, external } as const;
  return (["coordinator", "worker", "external"] as const).flatMap((role) =>
    Array.from({ length: counts[role] }, (_, index) => ({ role, index })),
  );
}
