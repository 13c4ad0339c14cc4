import { defineConfig } from "tsup";

/** What is imported. */
const entries = {
  index: "src/index.ts",
  engine: "src/engine.ts",
  testing: "src/testing/index.ts",
  "adapters/kafka": "src/adapters/kafka/index.ts",
  "adapters/mongo": "src/adapters/mongo/index.ts",
  "adapters/sqlite": "src/adapters/sqlite/index.ts",
};

export default defineConfig({
  entry: { ...entries, "cli/main": "src/cli/main.ts" },
  format: ["esm"],
  target: "node22",
  platform: "node",
  dts: { entry: entries },
  clean: true,
  // What both entry points use is one chunk: `FlowError` must not exist twice.
  splitting: true,
  sourcemap: true,
  treeshake: true,
  // tsup would turn `node:sqlite` into `sqlite`, which does not exist.
  removeNodeProtocol: false,
});
