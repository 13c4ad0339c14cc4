import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sqliteStore } from "flowkit/adapters/sqlite";
import type { Store } from "flowkit/engine";

/** A store for one round; `undefined` is the engine's own, memory. */
export interface RoundStore extends AsyncDisposable {
  readonly store: Store | undefined;
}

/** What an engine case runs on, besides memory. */
export type BenchStore = "memory" | "SQLite" | "SQLite, a transaction each";

export async function roundStore(kind: BenchStore): Promise<RoundStore> {
  if (kind === "memory") return { store: undefined, async [Symbol.asyncDispose]() {} };
  const folder = await mkdtemp(join(tmpdir(), "flowkit-bench-"));
  return {
    store: sqliteStore(join(folder, "runs.db"), { commit: kind === "SQLite" ? "turn" : "call" }),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}
