import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * Files that compute or wait for 10 seconds and more, longest first. Vitest itself orders files by their duration in
 * the previous run, which a fresh clone lacks, or else by size; files that start compilers and processes are small.
 */
const longest = [
  "test/sim/simulation.test.ts",
  "test-d/scale/scale.test.ts",
  "test/services/chaos.test.ts",
  "test/services/mongodb/store-contract.test.ts",
  "test/services/cli.test.ts",
  "test/services/health.test.ts",
  "test/services/external/external-worker.test.ts",
  "test/integration/docs.test.ts",
  "test/integration/package.test.ts",
  "test-d/errors/payloads.test.ts",
  "test-d/editor/completions.test.ts",
  "test/integration/cli/store.test.ts",
  "test-d/scale/declarations.test.ts",
  "test-d/scale/import.test.ts",
  "test-d/errors/mistakes.test.ts",
  "test-d/verdicts/verdicts.test.ts",
  "test-d/inference-order.test.ts",
  "test/integration/cli/graph-files.test.ts",
  "test/integration/cli/page.test.ts",
  "test/integration/cli/dev.test.ts",
  "test/integration/peers.test.ts",
  "test/unit/codegen/round-trip.slow.test.ts",
  "test/sim/flows.test.ts",
  "test/integration/engine/sqlite.test.ts",
].map((file) => fileURLToPath(new URL(`../${file}`, import.meta.url)));

/** A long file that starts last would run while the other processors are idle. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const missing = longest.filter((file) => !existsSync(file));
    if (missing.length > 0) throw new Error(`not a test file: ${missing.join(", ")}`);
    const rank = ({ moduleId }: TestSpecification): number => {
      const index = longest.indexOf(moduleId);
      return index === -1 ? longest.length : index;
    };
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}
