import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { sqliteStore } from "../../../../src/adapters/sqlite/index.ts";
import { createEngine } from "../../../../src/engine/engine.ts";
import { handler, source } from "../../../helpers/handlers.ts";
import { tempFolder } from "../../../helpers/temp-folder.ts";

/*
 * A file of each released layout, as that version wrote it: a finished task, a task whose process died at the last batch
 * of its last node, a dead letter and a worker.
 */
const folder = join(import.meta.dirname, "layouts");
const layouts = readdirSync(folder).map((name) => Number(name.replace(".sql", "")));

function inDatabase<T>(path: string, work: (database: DatabaseSync) => T): T {
  const database = new DatabaseSync(path);
  try {
    return work(database);
  } finally {
    database.close();
  }
}

function fileOf(layout: number): string {
  const path = join(tempFolder(), "runs.db");
  inDatabase(path, (database) => database.exec(readFileSync(join(folder, `${layout}.sql`), "utf8")));
  return path;
}

/** Tables and indexes, regardless of line breaks in their text. */
const schemaOf = (path: string): readonly string[] =>
  inDatabase(path, (database) =>
    database
      .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL")
      .all()
      .map(({ sql }) => String(sql).replace(/\s+/g, " "))
      .toSorted(),
  );

const openAndClose = async (path: string) => {
  const store = sqliteStore(path);
  await store.open();
  await store.close();
};

describe.each(layouts)("a file of layout %i", (layout) => {
  test("gets the schema of a new file", async () => {
    const old = fileOf(layout);
    const fresh = join(tempFolder(), "runs.db");
    for (const path of [old, fresh]) await openAndClose(path);
    expect(schemaOf(old)).toEqual(schemaOf(fresh));
  });

  test("keeps its tasks: ended ones can be read, open ones continue where they were", async () => {
    const processed: unknown[] = [];
    const store = sqliteStore(fileOf(layout));
    await using engine = await createEngine({
      store,
      handlers: [
        source("src", ["a", "b", "c"]),
        handler("step", {
          processBatch(payload) {
            processed.push(payload);
            return `${payload}!`;
          },
        }),
      ],
    });
    const { items } = await store.listTasks({ limit: 5 });
    const idOf = (key: string) => items.find(({ idempotencyKey }) => idempotencyKey === key)?.id ?? "";
    expect(await engine.task(idOf("done")).result()).toEqual({ src: ["a", "b", "c"] });
    expect(await engine.task(idOf("open")).result()).toEqual({ step: ["a!", "b!", "c!"] });
    expect(processed).toEqual(["c"]);
    expect((await store.listDeadLetters({ limit: 5 })).items).toMatchObject([{ id: "l", reason: "no JSON" }]);
  });
});

test.each(layouts.filter((layout) => layout >= 5))(
  "a file of layout %i keeps artifacts in rows of shards",
  async (layout) => {
    const store = sqliteStore(fileOf(layout));
    await using engine = await createEngine({ store, handlers: [] });
    const { items } = await store.listTasks({ limit: 5 });
    const id = items.find(({ idempotencyKey }) => idempotencyKey === "one")?.id ?? "";
    expect(await engine.task(id).result()).toEqual({ step: ["x!"] });
    const end = { length: 1, closed: true, origins: [{ source: "one/0", seq: 0, chunk: 0 }] };
    expect(await store.tail({ taskId: id, nodeId: "step", shard: 0 }, 0)).toEqual(end);
  },
);

test("there is a file of every layout", async () => {
  const path = join(tempFolder(), "runs.db");
  await openAndClose(path);
  const latest = inDatabase(path, (database) => database.prepare("PRAGMA user_version").get()?.user_version);
  expect(layouts.toSorted()).toEqual(Array.from({ length: Number(latest) }, (_, index) => index + 1));
});
