import { defineConfig } from "tsup";
import { entryPoints } from "./scripts/entry-points.ts";

export default defineConfig({
  entry: { ...entryPoints, "cli/main": "src/cli/main.ts" },
  format: ["esm"],
  target: "node22",
  platform: "node",
  dts: { entry: entryPoints },
  clean: true,
  // What both entry points use is one chunk: `FlowError` must not exist twice.
  splitting: true,
  sourcemap: true,
  treeshake: true,
  // tsup would turn `node:sqlite` into `sqlite`, which does not exist.
  removeNodeProtocol: false,
});
