import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { JournalReader, machineMs } from "./journal.ts";
import { noServer, type PartPlace, type PartSpec, type Role } from "./part-spec.ts";

const programOf = ({ role }: { readonly role: Role }): string =>
  fileURLToPath(new URL(role === "external" ? "external-part.ts" : "part.ts", import.meta.url));
const watchdogProgram = fileURLToPath(new URL("watchdog.ts", import.meta.url));
const againAfterMs = 500;
/** A part that is told to stop while its servers are away gives up on them. */
const stopsWithinMs = 45_000;
/** Parts are started again and again: what is compiled once is kept, for all runs. */
const env = { ...process.env, NODE_COMPILE_CACHE: resolve(".cache/chaos/compiled") };

/** One process, from its start to its end. */
export interface PartState {
  readonly name: string;
  readonly role: Role;
  readonly journal: JournalReader;
  readonly log: string;
  readonly process: ChildProcess;
  readonly ended: Promise<unknown>;
  /** By the machine's clock. */
  endedAt: number | undefined;
  /** When it stood still because it was told to; an open one stands still now. */
  readonly pauses: { readonly from: number; to: number }[];
  /** What the driver did to it, so that its end is no surprise. */
  doomed: boolean;
}

interface Place extends PartPlace {
  readonly name: string;
  life: PartState | undefined;
  lives: number;
}

export interface FleetOptions {
  readonly folder: string;
  readonly seed: number;
  readonly parts: readonly PartPlace[];
  readonly spec: Pick<PartSpec, "mongoUrl" | "database" | "brokers" | "capacity">;
  /** Told of an end that nobody brought about, or that doesn't come. */
  readonly onCrash: (life: PartState, how: string) => void;
}

/** The coordinators and workers. A part that ends is started again, as a process manager would. */
export class Fleet {
  readonly lives: PartState[] = [];
  readonly counts = { starts: 0, startsWithoutServer: 0 };
  readonly #options: FleetOptions;
  readonly #places: readonly Place[];
  readonly #watchdog: ChildProcess;
  #closing = false;

  constructor(options: FleetOptions) {
    this.#options = options;
    this.#places = options.parts.map((place) => ({
      ...place,
      name: `${place.role}-${place.index}`,
      life: undefined,
      lives: 0,
    }));
    this.#watchdog = spawn(process.execPath, [watchdogProgram], {
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
    });
    this.#watchdog.stdin?.on("error", () => {}); // it has ended with the fleet
  }

  /** Resolves when all are ready. */
  async start(): Promise<void> {
    await Promise.all(this.#places.map((place) => this.#launch(place)));
  }

  /** Ends a part at once (`kill`) or in order (`stop`); it comes back after so long. */
  async end(at: PartPlace, how: "kill" | "stop", downMs: number): Promise<boolean> {
    const place = this.#place(at);
    const { life } = place;
    if (life === undefined || life.doomed) return false;
    life.doomed = true;
    this.#resume(life);
    life.process.kill(how === "kill" ? "SIGKILL" : "SIGTERM");
    const waiting = new AbortController();
    const late = sleep(stopsWithinMs, "late", { signal: waiting.signal }).catch(() => undefined);
    if ((await Promise.race([life.ended, late])) === "late") {
      this.#options.onCrash(life, `no end, ${stopsWithinMs / 1000} s after it was told to stop`);
      life.process.kill("SIGKILL");
      await life.ended;
    }
    waiting.abort();
    await sleep(downMs);
    await this.#launch(place);
    return true;
  }

  async pause(at: PartPlace, ms: number): Promise<boolean> {
    const { life } = this.#place(at);
    if (life === undefined || life.doomed || life.pauses.at(-1)?.to === Number.POSITIVE_INFINITY) return false;
    life.pauses.push({ from: machineMs(), to: Number.POSITIVE_INFINITY });
    life.process.kill("SIGSTOP");
    await sleep(ms);
    this.#resume(life);
    return true;
  }

  /** Kills what there is. */
  async close(): Promise<void> {
    this.#closing = true;
    const open = this.lives.filter(({ endedAt }) => endedAt === undefined);
    for (const life of open) {
      life.doomed = true;
      life.process.kill("SIGKILL");
    }
    await Promise.all(open.map(({ ended }) => ended));
    this.#watchdog.stdin?.end();
    await once(this.#watchdog, "exit");
  }

  #place({ role, index }: PartPlace): Place {
    const place = this.#places.find((each) => each.role === role && each.index === index);
    if (place === undefined) throw new Error(`there is no ${role} ${index}`);
    return place;
  }

  #resume(life: PartState): void {
    const pause = life.pauses.at(-1);
    if (pause?.to !== Number.POSITIVE_INFINITY) return;
    pause.to = machineMs();
    life.process.kill("SIGCONT");
  }

  /** Resolves when the part is ready, or has ended before it was. */
  async #launch(place: Place): Promise<void> {
    if (this.#closing) return;
    const { folder, seed, spec } = this.#options;
    const name = `${place.name}.${++place.lives}`;
    const own = seed + this.lives.length * 7919;
    const path = (kind: string) => join(folder, `${name}.${kind}`);
    const told: PartSpec = { ...spec, role: place.role, name, journal: path("journal"), seed: own };
    const log = openSync(path("log"), "a");
    const child = spawn(process.execPath, [programOf(place), JSON.stringify(told)], {
      env,
      stdio: ["ignore", log, log, "ipc"],
    });
    closeSync(log);
    this.counts.starts++;
    const ended = new Promise((resolve) => child.once("exit", resolve).once("error", resolve));
    const life: PartState = {
      name,
      role: place.role,
      journal: new JournalReader(told.journal),
      log: path("log"),
      process: child,
      ended,
      endedAt: undefined,
      pauses: [],
      doomed: false,
    };
    this.lives.push(life);
    place.life = life;
    this.#watchdog.stdin?.write(`+${child.pid}\n`);
    child.once("exit", (code, signal) => this.#ended(place, life, { code, signal }));
    await Promise.race([once(child, "message"), ended]);
  }

  #ended(place: Place, life: PartState, how: { readonly code: number | null; readonly signal: string | null }): void {
    life.endedAt = machineMs();
    this.#watchdog.stdin?.write(`-${life.process.pid}\n`);
    if (life.doomed) return;
    if (how.code === noServer) this.counts.startsWithoutServer++;
    else this.#options.onCrash(life, how.signal ?? `exit code ${how.code}`);
    void sleep(againAfterMs).then(() => this.#launch(place));
  }
}
