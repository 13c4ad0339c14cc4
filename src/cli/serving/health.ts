import type { PartHealth, WorkerHealth } from "../../embedded/health.ts";

/** What an engine, a coordinator and a worker all say of themselves; only who runs attempts has a capacity. */
export type Health = Omit<PartHealth, "state"> & Partial<Pick<WorkerHealth, "state" | "running" | "capacity">>;
