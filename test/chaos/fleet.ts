import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { JournalReader, machineMs } from "./journal.ts";
import { noServer, type PartPlace, type ProcessSpec, type Role } from "./process-spec.ts";

const programOf = ({ role }: { readonly role: Role }): string =>
  fileURLToPath(new URL(role === "external" ? "external-process.ts" : "chaos-process.ts", import.meta.url));
const watchdogProgram = fileURLToPath(new URL("watchdog.ts", import.meta.url));
const againAfterMs = 500;
/** A process that is asked to stop while its servers are unavailable stops waiting for them. */
const stopsWithinMs = 45_000;
/** Processes restart often, so compiled code is cached across runs. */
const env = { ...process.env, NODE_COMPILE_CACHE: resolve(".cache/chaos/compiled") };

/** One process from start to exit. */
export interface PartState {
  readonly name: string;
  readonly role: Role;
  readonly journal: JournalReader;
  readonly log: string;
  readonly process: ChildProcess;
  readonly ended: Promise<unknown>;
  /** By the machine's monotonic clock. */
  endedAt: number | undefined;
  /** Injected pauses; one without an end is ongoing. */
  readonly pauses: { readonly from: number; to: number }[];
  /** What the driver did to it, so that its exit is expected. */
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
  readonly spec: Pick<ProcessSpec, "mongoUrl" | "database" | "brokers" | "capacity">;
  /** Called for an unexpected exit, or a missing one. */
  readonly onCrash: (life: PartState, how: string) => void;
}

/** The coordinators and workers. Processes that exit are restarted, as by a process manager. */
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
    this.#watchdog.stdin?.on("error", () => {}); // it exited with the fleet
  }

  /** Resolves once all are ready. */
  async start(): Promise<void> {
    await Promise.all(this.#places.map((place) => this.#launch(place)));
  }

  /** Kills or gracefully stops a process, and restarts it after a delay. */
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
      this.#options.onCrash(life, `still running ${stopsWithinMs / 1000} s after it was asked to stop`);
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

  /** Kills all processes. */
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
    if (place === undefined) throw new Error(`unknown ${role} ${index}`);
    return place;
  }

  #resume(life: PartState): void {
    const pause = life.pauses.at(-1);
    if (pause?.to !== Number.POSITIVE_INFINITY) return;
    pause.to = machineMs();
    life.process.kill("SIGCONT");
  }

  /** Resolves once the process is ready, or has exited before. */
  async #launch(place: Place): Promise<void> {
    if (this.#closing) return;
    const { folder, seed, spec } = this.#options;
    const name = `${place.name}.${++place.lives}`;
    const own = seed + this.lives.length * 7919;
    const path = (kind: string) => join(folder, `${name}.${kind}`);
    const ownSpec: ProcessSpec = { ...spec, role: place.role, name, journal: path("journal"), seed: own };
    const log = openSync(path("log"), "a");
    const child = spawn(process.execPath, [programOf(place), JSON.stringify(ownSpec)], {
      env,
      stdio: ["ignore", log, log, "ipc"],
    });
    closeSync(log);
    this.counts.starts++;
    const ended = new Promise((resolve) => child.once("exit", resolve).once("error", resolve));
    const life: PartState = {
      name,
      role: place.role,
      journal: new JournalReader(ownSpec.journal),
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
