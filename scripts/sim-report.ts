import { execFileSync } from "node:child_process";
import type { ClusterOutcome } from "../src/testing/simulation/simulate-cluster.ts";

/** A seed that failed: what went wrong, the commit that it belongs to, and the command that shows each step of it. */
export function describeFailure(outcome: ClusterOutcome, { sqlite = false, drop = false } = {}): string {
  const { seed, mode, steps, virtualMs, violations } = outcome;
  const options = `${mode === "calm" ? "--calm " : ""}${sqlite ? "--sqlite " : ""}${drop ? "--drop " : ""}`;
  return [
    `seed ${seed} (${mode}), commit ${commit()}, ${steps} steps, ${Math.round(virtualMs)} ms:`,
    ...violations.map((violation) => `  ${violation}`),
    `  npm run sim -- ${options}--from ${seed} --replay`,
  ].join("\n");
}

/** A seed is a run of one version of the code: any new call of a port shifts its choices. */
function commit(): string {
  const git = (...args: string[]) =>
    execFileSync("git", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  try {
    return `${git("rev-parse", "--short", "HEAD")}${git("status", "--porcelain", "src") === "" ? "" : " with changes"}`;
  } catch {
    return "unknown"; // not a checkout
  }
}
