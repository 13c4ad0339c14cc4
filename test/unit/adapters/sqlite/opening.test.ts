import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { sqliteStore } from "../../../../src/adapters/sqlite/index.ts";
import { connectionTo } from "../../../../src/adapters/sqlite/sqlite-store.ts";
import type { Store } from "../../../../src/core/ports/index.ts";
import { createEngine } from "../../../../src/engine/engine.ts";
import { newTask } from "../../../contract/store/fixture.ts";
import { handler } from "../../../helpers/handlers.ts";
import { tempFolder } from "../../../helpers/temp-folder.ts";

/** A file that this SQL creates. */
function fileOf(sql: string): string {
  const path = join(tempFolder(), "runs.db");
  const database = new DatabaseSync(path);
  database.exec(sql);
  database.close();
  return path;
}

async function opened(path: string): Promise<Store> {
  const store = sqliteStore(path);
  await store.open();
  return store;
}

const flowkit = "PRAGMA application_id = 0x464c4f57";

describe("files", () => {
  test("an empty file becomes a new store", async () => {
    const path = join(tempFolder(), "runs.db");
    writeFileSync(path, "");
    const store = await opened(path);
    expect(await store.readTask("t")).toBeUndefined();
    await store.close();
  });

  test("a file of a newer layout is rejected and not changed", async () => {
    const path = fileOf(`CREATE TABLE tasks (a); ${flowkit}; PRAGMA user_version = 99`);
    const before = readFileSync(path);
    await expect(opened(path)).rejects.toMatchObject({
      code: "STORE_VERSION",
      message: expect.stringMatching(
        /has layout 99, this version of flowkit supports layouts up to \d+: update flowkit/,
      ),
    });
    const database = new DatabaseSync(path);
    expect(database.prepare("SELECT name FROM sqlite_schema").all()).toEqual([{ name: "tasks" }]);
    database.close();
    expect(readFileSync(path).length).toBe(before.length);
  });

  test("a file of another program is rejected", async () => {
    await expect(opened(fileOf("CREATE TABLE invoices (a)"))).rejects.toMatchObject({
      code: "STORE_VERSION",
      message: "this SQLite file belongs to another program: use a new file",
    });
  });

  test("a file that is not a database is rejected", async () => {
    const path = join(tempFolder(), "runs.db");
    writeFileSync(path, "Dear diary, ".repeat(1_000));
    await expect(opened(path)).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
      retryable: false,
      message: `the SQLite file '${path}' cannot be opened: file is not a database`,
    });
    expect(readFileSync(path, "utf8")).toBe("Dear diary, ".repeat(1_000));
  });

  test("a file in a missing folder is rejected, and so is a folder", async () => {
    const folder = tempFolder();
    const reasons = { [join(folder, "missing", "runs.db")]: "its folder does not exist", [folder]: "it is a folder" };
    for (const [path, reason] of Object.entries(reasons)) {
      await expect(opened(path)).rejects.toMatchObject({
        code: "STORE_UNAVAILABLE",
        retryable: false,
        message: `the SQLite file '${path}' cannot be opened: ${reason}`,
      });
    }
  });
});

describe("options", () => {
  test("out of range are rejected", () => {
    const wrong: readonly [object, string][] = [
      [{ commit: "never" }, `sqliteStore: commit must be "turn" or "call", got never`],
      [{ synchronous: "off" }, `sqliteStore: synchronous must be "normal" or "full", got off`],
      [{ busyMs: -1 }, "sqliteStore: busyMs must be an integer from 0 to 60000, got -1"],
    ];
    expect(() => sqliteStore("")).toThrow('sqliteStore needs a file path, or ":memory:"');
    for (const [options, message] of wrong) {
      expect(() => sqliteStore("runs.db", options)).toThrow(
        expect.objectContaining({ code: "ENGINE_OPTIONS", message }),
      );
    }
  });

  test("that differ from those of an open store on the same file are rejected", async () => {
    const path = join(tempFolder(), "runs.db");
    const store = await opened(path);
    expect(() => sqliteStore(path, { synchronous: "full" })).toThrow(
      `'${path}' is already open in this process with other options`,
    );
    await store.close();
    const other = sqliteStore(path, { synchronous: "full" });
    await other.open();
    await other.close();
  });

  test("synchronous: each commit can wait for the disk", async () => {
    const path = join(tempFolder(), "runs.db");
    const full = 2;
    const store = sqliteStore(path, { synchronous: "full" });
    await store.open();
    const connection = connectionTo({ path, commit: "turn", synchronous: "full", busyMs: 5_000 });
    expect(connection.get("PRAGMA synchronous")).toEqual({ synchronous: full });
    await store.close();
  });
});

test("an engine that cannot start closes its store", async () => {
  const calls: string[] = [];
  const store = new Proxy(sqliteStore(join(tempFolder(), "missing", "runs.db")), {
    get(target, key: keyof Store) {
      return (...args: never[]) => {
        calls.push(key);
        return (target[key] as (...all: never[]) => unknown).apply(target, args);
      };
    },
  });
  await expect(createEngine({ handlers: [handler("a")], store })).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  expect(calls).toEqual(["open", "close"]);
});

test("a closed store is a single file with all its data", async () => {
  const folder = tempFolder();
  const path = join(folder, "runs.db");
  const store = await opened(path);
  await store.createTask(newTask("t"));
  await store.close();
  expect(readdirSync(folder)).toEqual(["runs.db"]);
  const again = await opened(path);
  expect(await again.readTask("t")).toMatchObject({ id: "t", status: "running" });
  await again.close();
});
