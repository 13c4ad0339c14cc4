import { existsSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { sqliteStore } from "../../../../src/adapters/sqlite/index.ts";

/* Writes to a SQLite file once the file `start` exists, and then creates the file `written`. */
const [path = "", start = "", written = ""] = process.argv.slice(2);
const store = sqliteStore(path);
await store.open();
console.log("ready");
while (!existsSync(start)) await sleep(5);
await store.announceWorker({ id: "other", types: [], capacity: 1, running: 0 }, 60_000);
await store.settle();
writeFileSync(written, "");
await store.close();
