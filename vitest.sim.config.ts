import { defineConfig } from "vitest/config";
import main from "./vitest.config.ts";

const { projects: _, ...shared } = main.test ?? {};

/**
 * For tests that simulate in their own process: what a crash of a simulated process leaves behind never settles, on
 * purpose, so that nothing can be said about leaks, and watching every promise makes a run thirty times as long.
 */
export default defineConfig({
  ...main,
  test: {
    ...shared,
    include: ["test/sim/flows/*.sim.ts"],
    reporters: ["default"],
    detectAsyncLeaks: false,
    typecheck: { enabled: false },
  },
});
