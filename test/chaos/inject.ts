import { setTimeout as sleep } from "node:timers/promises";
import type { SeededRandom } from "../../src/testing/scheduler/seeded-random.ts";
import type { Fault, FaultKind, TimedFault } from "./faults.ts";
import type { Fleet } from "./fleet.ts";
import type { ChaosServers, Server, ServerName } from "./servers.ts";

/** Injects the faults at their times. Impossible ones, such as pausing a process that is down, are skipped. */
export class FaultInjector {
  readonly counts = new Map<FaultKind | "skipped", number>();
  readonly #fleet: Fleet;
  readonly #servers: ChaosServers;
  readonly #random: SeededRandom;
  readonly #under: (fault: Fault) => void;
  readonly #open = new Set<Promise<void>>();
  readonly #busyLinks = new Set<ServerName>();
  readonly #busyServers = new Set<ServerName>();

  constructor(options: {
    readonly fleet: Fleet;
    readonly servers: ChaosServers;
    readonly random: SeededRandom;
    /** Called at the start of each fault. */
    readonly onFault: (fault: Fault) => void;
  }) {
    this.#fleet = options.fleet;
    this.#servers = options.servers;
    this.#random = options.random;
    this.#under = options.onFault;
  }

  /** Resolves once the last fault is over, or after an abort once the current ones are over. */
  async run(schedule: readonly TimedFault[], over: AbortSignal): Promise<void> {
    const startedAt = performance.now();
    for (const { atMs, fault } of schedule) {
      const waitMs = startedAt + atMs - performance.now();
      if (waitMs > 0) await sleep(waitMs, undefined, { signal: over }).catch(() => {});
      if (over.aborted) break;
      this.#under(fault);
      const at: Promise<void> = this.#inject(fault)
        .then((done) => {
          const name = done ? fault.kind : "skipped";
          this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
        })
        .finally(() => this.#open.delete(at));
      this.#open.add(at);
      at.catch(() => {}); // awaited below
    }
    await Promise.all(this.#open);
  }

  async #inject(fault: Fault): Promise<boolean> {
    switch (fault.kind) {
      case "kill":
      case "stop":
        return this.#fleet.end(fault, fault.kind, fault.downMs);
      case "pause":
        return this.#fleet.pause(fault, fault.ms);
      case "kill kafka":
      case "kill mongo":
        return this.#toServer(fault.server, async (server) => {
          await server.kill();
          await sleep(fault.downMs);
          await server.start();
        });
      case "pause kafka":
      case "pause mongo":
        return this.#toServer(fault.server, async (server) => {
          server.signal("SIGSTOP");
          await sleep(fault.ms);
          server.signal("SIGCONT");
        });
      case "cut":
      case "lossy":
      case "slow":
        return this.#toLink(fault);
    }
  }

  async #toServer(name: ServerName, work: (server: Server) => Promise<void>): Promise<boolean> {
    if (this.#busyServers.has(name)) return false;
    this.#busyServers.add(name);
    try {
      await work(this.#servers.servers[name]);
      return true;
    } finally {
      this.#busyServers.delete(name);
    }
  }

  async #toLink(fault: Extract<Fault, { readonly link: ServerName }>): Promise<boolean> {
    const { link, ms } = fault;
    if (this.#busyLinks.has(link)) return false;
    this.#busyLinks.add(link);
    const proxy = this.#servers.links[link];
    const random = this.#random;
    if (fault.kind === "cut") proxy.interrupt();
    else if (fault.kind === "lossy") proxy.fate = () => (random.chance(1 / fault.oneIn) ? "lose" : "pass");
    else proxy.fate = () => (random.chance(0.3) ? { delayMs: random.int(fault.delayMs) } : "pass");
    await sleep(ms);
    proxy.resume();
    proxy.fate = () => "pass";
    this.#busyLinks.delete(link);
    return true;
  }
}
