import { execFileSync } from "node:child_process";
import type { ClusterOutcome } from "../src/testing/simulation/simulate-cluster.ts";

/** Formats a failed seed: its violations, its commit, and the command that replays it step by step. */
export function describeFailure(outcome: ClusterOutcome, { sqlite = false, drop = false } = {}): string {
  const { seed, mode, steps, virtualMs, violations } = outcome;
  const options = `${mode === "calm" ? "--calm " : ""}${sqlite ? "--sqlite " : ""}${drop ? "--drop " : ""}`;
  return [
    `seed ${seed} (${mode}), commit ${commit()}, ${steps} steps, ${Math.round(virtualMs)} ms:`,
    ...violations.map((violation) => `  ${violation}`),
    `  npm run sim -- ${options}--from ${seed} --replay`,
  ].join("\n");
}

/** A seed is tied to one version of the code: any additional port call shifts its choices. */
function commit(): string {
  const git = (...args: string[]) =>
    execFileSync("git", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  try {
    return `${git("rev-parse", "--short", "HEAD")}${git("status", "--porcelain", "src") === "" ? "" : " with changes"}`;
  } catch {
    return "unknown"; // not a checkout
  }
}
