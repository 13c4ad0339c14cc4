import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { summaryReporter } from "./scripts/vitest-summary.ts";

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/**
 * Whether this is a run against real servers: `vitest run --project services`, or of their files. Drivers leave promises
 * that never settle (timeouts that they raced against), and watching all of theirs makes a run seven times as long.
 * Vitest knows this option for whole runs only.
 */
const onServers = process.argv.some((argument) => argument.includes("services"));

export default defineConfig({
  resolve: {
    alias: [
      { find: /^flowkit$/, replacement: source("./src/index.ts") },
      { find: /^flowkit\/engine$/, replacement: source("./src/engine/index.ts") },
      { find: /^flowkit\/testing$/, replacement: source("./src/testing/index.ts") },
      { find: /^flowkit\/adapters\/kafka$/, replacement: source("./src/adapters/kafka/index.ts") },
      { find: /^flowkit\/adapters\/mongo$/, replacement: source("./src/adapters/mongo/index.ts") },
      { find: /^flowkit\/adapters\/sqlite$/, replacement: source("./src/adapters/sqlite/index.ts") },
    ],
  },
  test: {
    setupFiles: ["test/setup.ts"],
    coverage: { provider: "v8", include: ["src/**"], reporter: ["text-summary", "html"] },
    reporters: ["default", summaryReporter()],
    detectAsyncLeaks: !onServers,
    // For a busy machine: a test that waits for a condition ends as soon as it holds.
    testTimeout: 30_000,
    hookTimeout: 30_000,
    projects: [
      {
        extends: true,
        test: {
          name: "main",
          include: ["test/**/*.test.ts", "test-d/**/*.test.ts"],
          exclude: ["test/services/**", "**/node_modules/**"],
          typecheck: { enabled: true, include: ["test-d/**/*.test-d.ts"], tsconfig: "./tsconfig.json" },
        },
      },
      {
        extends: true,
        test: {
          // Against real servers, which only a run with one of these files starts.
          name: "services",
          include: ["test/services/**/*.test.ts"],
          globalSetup: ["test/services/global-setup.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
