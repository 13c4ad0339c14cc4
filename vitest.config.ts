import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { LongestFirst } from "./scripts/longest-first.ts";
import { summaryReporter } from "./scripts/vitest-summary.ts";

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: {
    alias: [
      { find: /^flowkit$/, replacement: source("./src/index.ts") },
      { find: /^flowkit\/engine$/, replacement: source("./src/engine/index.ts") },
      { find: /^flowkit\/testing$/, replacement: source("./src/testing/index.ts") },
      { find: /^flowkit\/adapters\/kafka$/, replacement: source("./src/adapters/kafka/index.ts") },
      { find: /^flowkit\/adapters\/mongo$/, replacement: source("./src/adapters/mongo/index.ts") },
      { find: /^flowkit\/adapters\/postgres$/, replacement: source("./src/adapters/postgres/index.ts") },
      { find: /^flowkit\/adapters\/sqlite$/, replacement: source("./src/adapters/sqlite/index.ts") },
    ],
  },
  test: {
    setupFiles: ["test/setup.ts"],
    env: {
      // The programs that tests start load the same files: with a compile cache, they start in half the time.
      NODE_COMPILE_CACHE: source("./.cache/node-compile"),
      // TypeScript 7 is a Go program, which ends before it needs to free memory.
      GOGC: "off",
    },
    // Vitest would leave one core idle, which is half of a machine with two.
    maxWorkers: "100%",
    sequence: { sequencer: LongestFirst },
    coverage: { provider: "v8", include: ["src/**"], reporter: ["text-summary", "html"] },
    reporters: ["default", summaryReporter()],
    // They only bound hanging tests, even on a busy machine: a test that waits for a condition ends as soon as it holds.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    projects: [
      {
        extends: true,
        test: {
          // Tests that take seconds, for `npm run check`: their files leave nothing behind, and share their imports.
          name: "unit",
          include: ["test/unit/**/*.test.ts"],
          exclude: ["**/*.slow.test.ts"],
          isolate: false,
          setupFiles: ["test/leaks.ts"],
        },
      },
      {
        extends: true,
        test: {
          name: "main",
          include: [
            "test/{contract,integration,sim}/**/*.test.ts",
            "test/unit/**/*.slow.test.ts",
            "test-d/**/*.test.ts",
          ],
          globalSetup: ["test-d/global-setup.ts"],
          isolate: false,
          setupFiles: ["test/leaks.ts"],
        },
      },
      {
        extends: true,
        test: {
          // Against real servers, which are only started if a run has one of these files. Their drivers' sockets
          // outlive the files.
          name: "services",
          include: ["test/services/**/*.test.ts"],
          globalSetup: ["test/services/global-setup.ts"],
        },
      },
      {
        extends: true,
        test: {
          // The studio's page in Chromium.
          name: "studio",
          include: ["test/studio-browser/**/*.test.ts"],
          globalSetup: ["test/studio-browser/global-setup.ts"],
        },
      },
    ],
  },
});
