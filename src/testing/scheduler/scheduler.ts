import { Heap } from "../../core/store/heap.ts";
import type { SeededRandom } from "./seeded-random.ts";

/*
 * The one gate of a simulation, and its time. Every call that a process makes to a port, and every answer to it, parks
 * here and goes on when the seed chooses it. So the interleaving of all processes is the seed's, and so is what a crash
 * leaves behind.
 *
 * Crashing only between parks is enough: nothing else that a process does has an effect outside of it.
 */

export interface ParkOptions {
  /** What waits behind this is a request on its way: it may take effect although its sender has died. */
  readonly request?: boolean;
  /** More about it, for a trace that people read. */
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

/** How likely a request between two records of its operation goes on when its sender is dead. */
const orphanGoesOn = 0.4;
/** How likely a request that waits when its sender dies takes effect all the same, at once or late. */
const orphanSurvives = 0.5;

export class Scheduler {
  readonly random: SeededRandom;
  /** Called before time passes because nothing can run. */
  onIdle: (() => void) | undefined;
  /** How likely time passes in a step although something could run: else no call would outlive a lease. */
  slowTime = 0;
  /** How far it passes then, at most. */
  readonly #jumpMs: number;
  /** Until when a request may arrive whose sender is dead. */
  readonly #orphanMs: number;
  readonly #trace: string[] | undefined;
  readonly #story: string[] | undefined;
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
      readonly story: string[] | undefined;
    },
  ) {
    this.random = random;
    this.#jumpMs = options.jumpMs;
    this.#orphanMs = options.orphanMs;
    this.#trace = options.trace;
    this.#story = options.story;
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

  /** A hash of all choices: two runs with the same one were the same run. */
  get hash(): number {
    return this.#hash >>> 0;
  }

  /** Whether somebody reads each step: then a step may cost something. */
  get isTraced(): boolean {
    return this.#trace !== undefined;
  }

  /** A line of the trace; costs nothing when nobody reads it. */
  note(text: () => string): void {
    this.#trace?.push(`${this.#steps}\t${this.#now} ms\t${text()}`);
  }

  /** The same for what a story tells too: what happened, not every step of it. */
  tell(text: () => string | undefined): void {
    if (this.#story === undefined && this.#trace === undefined) return;
    const line = text();
    if (line === undefined) return;
    this.note(() => line);
    this.#story?.push(`${this.#steps}\t${Math.round(this.#now)} ms\t${line}`);
  }

  /** Resolves when it is chosen; never, if the process dies first. */
  park(life: ProcessLife | undefined, label: string, { request = false, detail }: ParkOptions = {}): Promise<void> {
    if (life !== undefined && !life.alive && !(request && this.random.chance(orphanGoesOn))) {
      return new Promise(() => {});
    }
    return new Promise((go) => this.#parked.push({ life, label, request, detail, go }));
  }

  /** Runs `work` when it is chosen; it belongs to nobody, so no crash keeps it from running. */
  run(label: string, work: () => void): void {
    this.#parked.push({ life: undefined, label, request: true, detail: undefined, go: work });
  }

  after(ms: number, life: ProcessLife | undefined, fire: () => void): Timer {
    const timer = { at: this.#now + Math.max(0, ms), order: this.#order++, life, fire, cancelled: false };
    this.#timers.push(timer);
    return timer;
  }

  /** Its promises never settle from now on, as after a kill -9; some of its requests are on their way already. */
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

  /** Lets one thing happen. False when nothing can happen any more. */
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
      this.note(() => `${life?.name ?? "-"}\t${label}${detail === undefined ? "" : detail()}`);
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
      // A few words about the choice: two runs that part ways don't meet again in all that follows.
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

  /** On to the next moment at which something can run. */
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
 * One life of one process, from its start to its crash or stop. A restart is a new life. Everything that a process
 * does outside itself passes through ports that are built around its life.
 */
export interface ProcessLife {
  readonly name: string;
  alive: boolean;
  /** Virtual time until which nothing of it runs: a garbage collection, a SIGSTOP, a laptop's lid. */
  pausedUntil: number;
  /** Its clock runs this many times as fast as true time. */
  readonly drift: number;
  /** What its clock showed at time 0. */
  readonly offset: number;
}
