import { Heap } from "../../core/store/collections.ts";
import type { SeededRandom } from "./seeded-random.ts";

/*
 * The scheduler of a simulation, and its virtual time. Every call of a process to a port, and every answer, parks here
 * until the seed chooses it. So the seed determines how processes interleave, and what a crash leaves behind.
 *
 * Crashes occur only between parked calls, which is enough: nothing else that a process does has an external effect.
 */

export interface ParkOptions {
  /** A request in flight: it may take effect although its sender has crashed. */
  readonly request?: boolean;
  /** Details for the trace. */
  readonly detail?: () => string;
}

interface Parked {
  readonly life: ProcessLife | undefined;
  readonly label: string;
  readonly request: boolean;
  readonly detail: (() => string) | undefined;
  readonly go: () => void;
}

export interface Timer {
  readonly at: number;
  readonly order: number;
  readonly life: ProcessLife | undefined;
  readonly fire: () => void;
  cancelled: boolean;
}

/** Probability that a half-done operation continues although its sender has crashed. */
const orphanContinues = 0.4;
/** Probability that a parked request takes effect, at once or late, although its sender has crashed. */
const orphanSurvives = 0.5;

export class Scheduler {
  readonly random: SeededRandom;
  /** Called before time passes because nothing can run. */
  onIdle: (() => void) | undefined;
  /** Probability that time passes in a step although something could run; otherwise no call would outlive a lease. */
  slowTime = 0;
  /** The longest such jump in time. */
  readonly #jumpMs: number;
  /** The longest delay of a request whose sender has crashed. */
  readonly #orphanMs: number;
  readonly #trace: string[] | undefined;
  readonly #timeline: string[] | undefined;
  #now = 0;
  #steps = 0;
  #jumps = 0;
  #order = 0;
  #hash = 0x811c9dc5;
  #parked: Parked[] = [];
  readonly #timers = new Heap<Timer>({
    before: (a, b) => (a.at === b.at ? a.order < b.order : a.at < b.at),
    isLive: (timer) => !timer.cancelled && timer.life?.alive !== false,
  });

  constructor(
    random: SeededRandom,
    options: {
      readonly jumpMs: number;
      readonly orphanMs: number;
      readonly trace: string[] | undefined;
      readonly timeline: string[] | undefined;
    },
  ) {
    this.random = random;
    this.#jumpMs = options.jumpMs;
    this.#orphanMs = options.orphanMs;
    this.#trace = options.trace;
    this.#timeline = options.timeline;
  }

  get now(): number {
    return this.#now;
  }

  /** How often time has passed because nothing could run. */
  get jumps(): number {
    return this.#jumps;
  }

  get steps(): number {
    return this.#steps;
  }

  /** A hash of all choices: two runs with the same hash are identical. */
  get hash(): number {
    return this.#hash >>> 0;
  }

  /** Whether a trace is recorded, so that formatting details is worth its cost. */
  get isTraced(): boolean {
    return this.#trace !== undefined;
  }

  /** Adds a line to the trace; costs nothing without one. */
  recordStep(text: () => string): void {
    this.#trace?.push(`${this.#steps}\t${this.#now} ms\t${text()}`);
  }

  /** Adds an event to the timeline, and to the trace. */
  recordEvent(text: () => string | undefined): void {
    if (this.#timeline === undefined && this.#trace === undefined) return;
    const line = text();
    if (line === undefined) return;
    this.recordStep(() => line);
    this.#timeline?.push(`${this.#steps}\t${Math.round(this.#now)} ms\t${line}`);
  }

  /** Resolves when it is chosen; never if the process crashes first. */
  park(life: ProcessLife | undefined, label: string, { request = false, detail }: ParkOptions = {}): Promise<void> {
    if (life !== undefined && !life.alive && !(request && this.random.chance(orphanContinues))) {
      return new Promise(() => {});
    }
    return new Promise((go) => this.#parked.push({ life, label, request, detail, go }));
  }

  /** Runs `work` when it is chosen; it belongs to no process, so no crash prevents it. */
  run(label: string, work: () => void): void {
    this.#parked.push({ life: undefined, label, request: true, detail: undefined, go: work });
  }

  after(ms: number, life: ProcessLife | undefined, fire: () => void): Timer {
    const timer = { at: this.#now + Math.max(0, ms), order: this.#order++, life, fire, cancelled: false };
    this.#timers.push(timer);
    return timer;
  }

  /** Crashes a process as `kill -9` does: its promises never settle, but some of its requests are already in flight. */
  crash(life: ProcessLife): void {
    life.alive = false;
    const orphans = this.#parked.filter(
      (parked) => parked.life === life && parked.request && this.random.chance(orphanSurvives),
    );
    this.#parked = this.#parked.filter((parked) => parked.life !== life);
    for (const orphan of orphans) {
      const delayMs = this.random.chance(0.5) ? 0 : this.random.int(this.#orphanMs);
      const label = `${orphan.label} (from the dead ${life.name})`;
      this.after(delayMs, undefined, () => this.#parked.push({ ...orphan, life: undefined, label }));
    }
  }

  /** Runs one parked call, or lets time pass. Returns false if nothing is left to happen. */
  step(): boolean {
    this.#steps++;
    if (this.#parked.length > 0 && this.random.chance(this.slowTime)) {
      this.#passTo(this.#now + this.random.int(this.#jumpMs));
      return true;
    }
    const chosen = this.#choose();
    if (chosen === undefined) return this.#jump();
    if (this.#trace !== undefined) {
      const { life, label, detail } = chosen;
      this.recordStep(() => `${life?.name ?? "-"}\t${label}${detail === undefined ? "" : detail()}`);
    }
    chosen.go();
    return true;
  }

  #choose(): Parked | undefined {
    const count = this.#parked.length;
    let index = count > 0 ? this.random.int(count) : 0;
    for (let tried = 0; tried < count; tried++, index = (index + 1) % count) {
      const parked = this.#parked[index] as Parked;
      if (parked.life !== undefined && parked.life.pausedUntil > this.#now) continue;
      this.#parked[index] = this.#parked[count - 1] as Parked;
      this.#parked.pop();
      // A few values of each choice suffice: runs that diverge do not make equal choices from then on.
      this.#mix(index);
      this.#mix(count);
      this.#mix(parked.label.length);
      this.#mix(parked.label.charCodeAt(0));
      return parked;
    }
    return undefined;
  }

  #mix(value: number): void {
    this.#hash = Math.imul(this.#hash ^ value, 0x01000193);
  }

  /** Advances to the next time at which something can run. */
  #jump(): boolean {
    let at = this.#timers.first()?.at ?? Number.POSITIVE_INFINITY;
    for (const { life } of this.#parked) at = Math.min(at, life?.pausedUntil ?? this.#now);
    this.onIdle?.();
    this.#jumps++;
    if (at === Number.POSITIVE_INFINITY) return false;
    this.#passTo(at);
    return true;
  }

  #passTo(at: number): void {
    this.#now = Math.max(this.#now, at);
    for (let next = this.#timers.first(); next !== undefined && next.at <= this.#now; next = this.#timers.first()) {
      this.#timers.pop();
      next.fire();
    }
  }
}

/**
 * One run of one process, from its start to its crash or stop; a restart is a new one. All external effects of a
 * process pass through ports that are bound to it.
 */
export interface ProcessLife {
  readonly name: string;
  alive: boolean;
  /** Virtual time until which the process is paused, as by a garbage collection, a SIGSTOP or a closed laptop. */
  pausedUntil: number;
  /** Speed of its clock relative to true time. */
  readonly drift: number;
  /** Its clock's value at time 0. */
  readonly offset: number;
}
