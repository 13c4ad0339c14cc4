import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import type { Reporter, Vitest } from "vitest/node";

/** `detectAsyncLeaks` only reports: this makes a leaked timer or socket fail the run. */
function failOnLeaks(): Reporter {
  let vitest: Vitest | undefined;
  return {
    onInit(v) {
      vitest = v;
    },
    onTestRunEnd() {
      if (vitest !== undefined && vitest.state.leakSet.size > 0) process.exitCode = 1;
    },
  };
}

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: {
    alias: [
      { find: /^flowkit$/, replacement: source("./src/index.ts") },
      { find: /^flowkit\/engine$/, replacement: source("./src/engine.ts") },
    ],
  },
  test: {
    include: ["test/**/*.test.ts"],
    setupFiles: ["test/setup.ts"],
    reporters: ["default", failOnLeaks()],
    detectAsyncLeaks: true,
    typecheck: { enabled: true, include: ["test-d/**/*.test-d.ts"], tsconfig: "./tsconfig.json" },
  },
});
