import type { SeededRandom } from "../../src/testing/scheduler/seeded-random.ts";
import type { PartPlace } from "./process-spec.ts";
import type { ServerName } from "./servers.ts";

export type Fault =
  | ({ readonly kind: "kill" | "stop"; readonly downMs: number } & PartPlace)
  | ({ readonly kind: "pause"; readonly ms: number } & PartPlace)
  | { readonly kind: "kill kafka" | "kill mongo"; readonly server: ServerName; readonly downMs: number }
  | { readonly kind: "pause kafka" | "pause mongo"; readonly server: ServerName; readonly ms: number }
  | { readonly kind: "cut"; readonly link: ServerName; readonly ms: number }
  | { readonly kind: "lossy"; readonly link: ServerName; readonly ms: number; readonly oneIn: number }
  | { readonly kind: "slow"; readonly link: ServerName; readonly ms: number; readonly delayMs: number };

export type FaultKind = Fault["kind"];
export const faultKinds: readonly FaultKind[] = [
  "kill",
  "stop",
  "pause",
  "kill kafka",
  "pause kafka",
  "kill mongo",
  "pause mongo",
  "cut",
  "lossy",
  "slow",
];

export interface TimedFault {
  readonly atMs: number;
  readonly fault: Fault;
}

/** Weights of the kinds, relative to the sum of the allowed ones. */
const weights: Readonly<Record<FaultKind, number>> = {
  kill: 10,
  stop: 3,
  pause: 5,
  "kill kafka": 1,
  "pause kafka": 1,
  "kill mongo": 1,
  "pause mongo": 1,
  cut: 2,
  lossy: 2,
  slow: 2,
};

/** The schedule of faults, determined by the seed. */
export function faultSchedule(options: {
  readonly random: SeededRandom;
  readonly lastsMs: number;
  readonly kinds: readonly FaultKind[];
  /** Possible targets. */
  readonly parts: readonly PartPlace[];
  readonly leaseMs: number;
}): readonly TimedFault[] {
  const { random, lastsMs, kinds } = options;
  const faults: TimedFault[] = [];
  const bag = kinds.flatMap((kind) => Array.from({ length: weights[kind] }, () => kind));
  if (bag.length === 0) return faults;
  const first = random.shuffled(kinds); // each kind once first, so that a short run includes all
  for (let atMs = 1_000 + random.int(2_000); atMs < lastsMs; atMs += 2_000 + random.int(4_000)) {
    faults.push({ atMs, fault: draw(first.pop() ?? random.pick(bag), options) });
  }
  return faults;
}

function draw(
  kind: FaultKind,
  how: { readonly random: SeededRandom; readonly parts: readonly PartPlace[]; readonly leaseMs: number },
): Fault {
  const { random, leaseMs } = how;
  const part = (): PartPlace => random.pick(how.parts);
  const link = (): ServerName => random.pick(["kafka", "mongo"]);
  switch (kind) {
    case "kill":
    case "stop":
      return { kind, ...part(), downMs: random.int(3_000) };
    case "pause":
      return { kind, ...part(), ms: 200 + random.int(leaseMs * 2) };
    case "kill kafka":
      return { kind, server: "kafka", downMs: random.int(4_000) };
    case "pause kafka":
      return { kind, server: "kafka", ms: 500 + random.int(8_000) };
    case "kill mongo":
      return { kind, server: "mongo", downMs: random.int(leaseMs) };
    case "pause mongo":
      return { kind, server: "mongo", ms: 500 + random.int(leaseMs * 2) };
    case "cut":
      return { kind, link: link(), ms: 300 + random.int(leaseMs * 2) };
    case "lossy":
      return { kind, link: link(), ms: 2_000 + random.int(4_000), oneIn: random.pick([20, 50, 200]) };
    case "slow":
      return { kind, link: link(), ms: 2_000 + random.int(4_000), delayMs: 5 + random.int(60) };
  }
}

export function describeFault(fault: Fault): string {
  switch (fault.kind) {
    case "kill":
    case "stop":
      return `${fault.kind} ${fault.role}-${fault.index}, restart after ${fault.downMs} ms`;
    case "pause":
      return `pause ${fault.role}-${fault.index} for ${fault.ms} ms`;
    case "kill kafka":
    case "kill mongo":
      return `${fault.kind}, restart after ${fault.downMs} ms`;
    case "pause kafka":
    case "pause mongo":
      return `${fault.kind} for ${fault.ms} ms`;
    case "cut":
      return `disconnect ${fault.link} for ${fault.ms} ms`;
    case "lossy":
      return `lose one in ${fault.oneIn} chunks to and from ${fault.link} for ${fault.ms} ms`;
    case "slow":
      return `delay ${fault.link} by up to ${fault.delayMs} ms for ${fault.ms} ms`;
  }
}
