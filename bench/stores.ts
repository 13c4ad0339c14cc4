import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sqliteStore } from "flowkit/adapters/sqlite";
import { memoryStore, type Store } from "flowkit/engine";

/** A store for one round. */
export interface RoundStore extends AsyncDisposable {
  readonly store: Store;
}

/** The store of an engine case. `dropping`: a memory store that drops artifacts once all consumers have read them. */
export type BenchStore = "memory" | "dropping" | "SQLite" | "SQLite, a transaction each";

/** The type whose outputs a dropping store drops at once. */
export const sinkType = "sink";

export async function roundStore(kind: BenchStore): Promise<RoundStore> {
  if (kind === "memory" || kind === "dropping") {
    const drops = { dropConsumed: "streaming", sinks: [sinkType] } as const;
    return { store: memoryStore(kind === "memory" ? {} : drops), async [Symbol.asyncDispose]() {} };
  }
  const folder = await mkdtemp(join(tmpdir(), "flowkit-bench-"));
  return {
    store: sqliteStore(join(folder, "runs.db"), { commit: kind === "SQLite" ? "turn" : "call" }),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}
