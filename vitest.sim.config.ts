import { defineConfig } from "vitest/config";
import main from "./vitest.config.ts";

const { projects: _, ...shared } = main.test ?? {};

/** For tests that simulate in their own process. */
export default defineConfig({
  ...main,
  test: {
    ...shared,
    include: ["test/sim/flows/*.sim.ts"],
    reporters: ["default"],
  },
});
