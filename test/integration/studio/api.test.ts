import { join } from "node:path";
import { MemoryState, memoryStore } from "../../../src/adapters/memory/index.ts";
import { sqliteStore } from "../../../src/adapters/sqlite/index.ts";
import { studioContract } from "../../contract/studio-contract.ts";
import { tempFolder } from "../../helpers/temp-folder.ts";

studioContract("memory", () => {
  const state = new MemoryState();
  return { store: () => memoryStore({ state }) };
});

studioContract("SQLite", () => {
  const file = join(tempFolder(), "runs.db");
  return { store: () => sqliteStore(file) };
});
