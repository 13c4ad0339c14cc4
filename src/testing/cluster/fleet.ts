import type { ProcessLife } from "../scheduler/scheduler.ts";
import { type ClusterParts, type ProcessSpec, SimProcess, times } from "./process.ts";

/** Number and capacity of the simulated processes; drawn from the seed if absent. */
export interface FleetSize {
  readonly coordinators?: number;
  readonly workers?: number;
  /** Concurrent attempts of a worker. */
  readonly capacity?: number;
}

/** The processes of a cluster, and the faults injected into them. */
export class Fleet {
  readonly #parts: ClusterParts;
  readonly #specs: readonly ProcessSpec[];
  readonly #running = new Map<string, SimProcess>();
  readonly #launches = new Map<string, number>();

  constructor(parts: ClusterParts, size: FleetSize = {}) {
    this.#parts = parts;
    const { random } = parts.scheduler;
    const { types, fewTypes } = parts.workload;
    const sizes = () => ({
      capacity: size.capacity ?? 1 + random.int(2),
      pageSize: 1 + random.int(3),
      concurrency: random.pick([1, 1, 2, 3]),
      capacityPerType: random.chance(0.2) ? { [random.pick(types)]: 1 } : {},
    });
    // Sometimes a coordinator and a worker share a process, as in an embedded engine.
    const embedded = random.chance(0.3);
    const workers = Array.from({ length: size.workers ?? 1 + random.int(3) }, (_, index) => ({
      name: `w${index + 1}`,
      coordinates: false,
      serves: index === 2 ? fewTypes : types,
      ...sizes(),
    }));
    // With a single coordinator, no other repairs what it forgets.
    const additional = (size.coordinators ?? (random.chance(0.7) ? 2 : 1)) - 1;
    this.#specs = [
      { name: "c1", coordinates: true, serves: embedded ? types : [], ...sizes() },
      ...Array.from({ length: additional }, (_, index) => ({
        name: `c${index + 2}`,
        coordinates: true,
        serves: [],
        ...sizes(),
      })),
      ...(embedded ? workers.slice(1) : workers),
    ];
  }

  get processes(): readonly SimProcess[] {
    return [...this.#running.values()];
  }

  /** Coordinators that accept requests. */
  get coordinators(): readonly SimProcess[] {
    return this.processes.filter((each) => each.coordinator && each.life.alive && each.started && !each.stopping);
  }

  /** Whether the worker of this process serves the type and has a free slot. */
  isFree(life: ProcessLife, type: string): boolean {
    const process = this.processes.find((each) => each.life === life);
    const { worker, spec } = process ?? {};
    if (worker === undefined || spec === undefined || !spec.serves.includes(type)) return false;
    return worker.running + worker.lingering < spec.capacity && spec.capacityPerType[type] === undefined;
  }

  get allStarted(): boolean {
    return this.processes.every(({ started }) => started);
  }

  get allStopped(): boolean {
    return this.processes.every(({ stopped }) => stopped);
  }

  get stillStopping(): string {
    const open = this.processes.filter(({ stopped }) => !stopped);
    return open.map(({ life, worker }) => `${life.name} (runs ${worker?.running ?? 0})`).join(", ");
  }

  launchAll(): void {
    for (const spec of this.#specs) this.#launch(spec);
  }

  /** Crashes, stops or pauses a process now and then. */
  injectFaults(): void {
    const { scheduler, rates } = this.#parts;
    const { random } = scheduler;
    if (random.chance(rates.crash)) {
      const spec = random.pick(this.#specs);
      this.#crash(spec);
      scheduler.after(random.int(times.leaseMs * 2), undefined, () => this.#revive(spec));
    }
    if (random.chance(rates.stop)) this.#stop(this.#running.get(random.pick(this.#specs).name), random.int(1_000));
    if (random.chance(rates.pause)) {
      const life = this.#running.get(random.pick(this.#specs).name)?.life;
      if (life !== undefined) life.pausedUntil = scheduler.now + random.int(times.leaseMs * 3);
    }
    this.relaunchStopped();
  }

  /** Crashes a process by name; it restarts after the lease time. */
  crash(name: string): void {
    const spec = this.#specs.find((each) => each.name === name);
    if (spec === undefined) throw new Error(`unknown process ${name}`);
    this.#crash(spec);
    this.#parts.scheduler.after(times.leaseMs, undefined, () => this.#revive(spec));
  }

  /** In calm mode, only workers stop: this broker does not keep messages for a future coordinator. */
  stopWorkers(): void {
    const { random } = this.#parts.scheduler;
    if (!random.chance(this.#parts.rates.stop)) return;
    const workers = this.processes.filter(({ coordinator }) => coordinator === undefined);
    if (workers.length > 0) this.#stop(random.pick(workers), random.int(1_000));
  }

  /** Starts gracefully stopped processes again, as in a rolling deployment. */
  relaunchStopped(): void {
    for (const process of this.#running.values()) {
      if (process.stopped && process.life.alive) {
        this.#parts.scheduler.crash(process.life); // ends the attempts that it abandoned
        this.#launch(process.spec);
      }
    }
  }

  reviveAll(): void {
    for (const spec of this.#specs) this.#revive(spec);
  }

  stopAll(): void {
    for (const process of this.#running.values()) this.#stop(process, 0);
  }

  #stop(process: SimProcess | undefined, graceMs: number): void {
    if (!process?.life.alive || process.stopping) return;
    this.#parts.scheduler.recordEvent(() => `STOP ${process.life.name}, grace ${graceMs} ms`);
    void process.stop(graceMs);
  }

  #crash(spec: ProcessSpec): void {
    const life = this.#running.get(spec.name)?.life;
    if (!life?.alive) return;
    this.#parts.scheduler.recordEvent(() => `CRASH ${life.name}`);
    this.#parts.scheduler.crash(life);
  }

  #revive(spec: ProcessSpec): void {
    if (!this.#running.get(spec.name)?.life.alive) this.#launch(spec);
  }

  #launch(spec: ProcessSpec): void {
    const launch = (this.#launches.get(spec.name) ?? 0) + 1;
    this.#launches.set(spec.name, launch);
    const process = new SimProcess(this.#parts, spec, this.#newLife(`${spec.name}#${launch}`));
    this.#running.set(spec.name, process);
    this.#parts.scheduler.recordEvent(() => `LAUNCH ${process.life.name}`);
    void process.start();
  }

  #newLife(name: string): ProcessLife {
    const { random } = this.#parts.scheduler;
    return { name, alive: true, pausedUntil: 0, drift: 1 + (random.next() - 0.5) / 50, offset: random.int(1_000_000) };
  }
}
