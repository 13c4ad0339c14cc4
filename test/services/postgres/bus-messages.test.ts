import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Pool } from "pg";
import { expect, inject, onTestFinished, test } from "vitest";
import { type PostgresBusOptions, postgresBus } from "../../../src/adapters/postgres/index.ts";
import type { Bus, UndeliverableMessage } from "../../../src/core/ports/index.ts";
import { gate, messageOf, noting } from "../../contract/bus/fixture.ts";
import { until } from "../../helpers/waiting.ts";
import { startProgram } from "../../helpers/worker-process.ts";
import { needsServices } from "../services.ts";
import { freshSchema, openStore, testPool } from "./postgres-world.ts";

needsServices("postgres");

function openBus(options: PostgresBusOptions): Bus {
  const bus = postgresBus(options.pool === undefined ? { url: inject("postgresUrl"), ...options } : options);
  onTestFinished(() => bus.close());
  return bus;
}

const rowsIn = async (pool: Pool, schema: string): Promise<number> =>
  (await pool.query(`SELECT count(*)::int AS n FROM "${schema}".bus_messages`)).rows[0].n;

test("polling finds a message without a notification", async () => {
  const schema = freshSchema();
  const bus = openBus({ schema, lookEveryMs: 50 });
  const { got, handle } = noting();
  await bus.subscribe({ group: "g", topics: ["t"], handle });
  await testPool().query(
    `INSERT INTO "${schema}".bus_messages (group_pk, lane, topic, key, body, sent_at)
     SELECT pk, 1, 't', 'k', $1, extract(epoch FROM now()) * 1000 FROM "${schema}".bus_groups`,
    [JSON.stringify(messageOf("silent"))],
  );
  await until(() => got.length === 1, "the message");
});

test("an idle process that is notified polls less often than one whose notifications do not arrive", async () => {
  const looks = async (isNotified: boolean) => {
    const pool = new Pool({ connectionString: inject("postgresUrl") });
    onTestFinished(() => pool.end());
    const seen = { count: 0 };
    pool.on("connect", (client) => {
      const query: (...asked: unknown[]) => unknown = client.query.bind(client);
      client.query = (first: unknown, ...rest: unknown[]) => {
        const text = typeof first === "string" ? first : (first as { readonly text: string }).text;
        if (text.includes("renewed AS")) seen.count++;
        return query(!isNotified && text.startsWith("LISTEN") ? "SELECT 1" : first, ...rest) as never;
      };
    });
    const bus = openBus({ schema: freshSchema(), lookEveryMs: 20, pool });
    await bus.subscribe({ group: "g", topics: ["t"], handle: async () => {} });
    return seen;
  };
  const [notified, deaf] = [await looks(true), await looks(false)];
  await until(() => notified.count >= 8, "looks of the process that is notified");
  expect(deaf.count).toBeGreaterThan(2 * notified.count);
});

test("messages of a process that is killed while it handles them are delivered to another one", async () => {
  const schema = freshSchema();
  const options = { url: inject("postgresUrl"), schema, lookEveryMs: 200 };
  const victim = startProgram("test/services/postgres/programs/bus-victim.ts", [JSON.stringify(options)]);
  await victim.printed("subscribed");
  const bus = openBus(options);
  await bus.publish("t", "k", messageOf("first"));
  await bus.publish("t", "k", messageOf("second"));
  await victim.printed("handling first");
  const { got, handle } = noting();
  await bus.subscribe({ group: "g", topics: ["t"], handle });
  // Others go to either of them; the second one waits behind the first.
  const others = () => got.filter((taskId) => taskId.startsWith("other"));
  for (let n = 0; others().length === 0; n++) {
    await bus.publish("t", `k${n}`, messageOf(`other ${n}`));
    await sleep(5);
  }
  expect(got).toEqual(others());
  victim.signal("SIGKILL");
  await until(() => got.includes("second"), "the messages of the victim");
  expect(got.filter((taskId) => !taskId.startsWith("other"))).toEqual(["first", "second"]);
});

test("a message that ends each process that handles it becomes a dead letter", async () => {
  const schema = freshSchema();
  const pool = testPool();
  const bus = openBus({ schema, lookEveryMs: 50, maxDeliveries: 3 });
  const { open, opened } = gate();
  const letters: UndeliverableMessage[] = [];
  const got: string[] = [];
  await bus.subscribe({
    group: "g",
    topics: ["t"],
    onDeadLetter: (letter) => letters.push(letter),
    handle: async (message) => {
      got.push("taskId" in message ? message.taskId : "");
      await opened;
    },
  });
  await bus.publish("t", "k", messageOf("poison"));
  await until(() => got.length === 1, "the first delivery");
  // As if three processes had claimed it and ended.
  await pool.query(`UPDATE "${schema}".bus_messages SET claimed_by = 'another', claimed_until = 0, deliveries = 3`);
  await until(() => letters.length === 1, "the letter");
  expect(letters).toEqual([
    { topic: "t", key: "k", body: JSON.stringify(messageOf("poison")), reason: expect.stringContaining("4 times") },
  ]);
  open();
  await until(async () => (await rowsIn(pool, schema)) === 0, "the end of its row");
});

test("messages have up to the size limit, and notifications stay below that of PostgreSQL", async () => {
  const schema = freshSchema();
  const [bus, peer] = [openBus({ schema, lookEveryMs: 10_000 }), openBus({ schema, maxMessageBytes: 500_000 })];
  const { got, handle } = noting();
  await bus.subscribe({ group: "g", topics: ["t"], handle });
  const large = "x".repeat(400_000);
  await peer.publish("t", "k", messageOf(large));
  await until(() => got.length === 1, "the large message");
  expect(got).toEqual([large]);
  const refused = await peer.publish("t", "k", messageOf("x".repeat(500_000))).catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: "MESSAGE_TOO_LARGE" });
  // Enough groups that a list of them exceeds the size of a notification.
  await testPool().query(
    `INSERT INTO "${schema}".bus_groups (name, topics, until) SELECT 'g' || n, '{t}', 1e15 FROM generate_series(1, 3000) n`,
  );
  await peer.publish("t", "k", messageOf("to all"));
  await until(() => got.length === 2, "the message to all groups");
  expect(peer.health?.()).toMatchObject({ status: expect.not.stringContaining("unreachable"), dropped: 0 });
});

test("groups without members, their messages, and old messages are removed", async () => {
  const schema = freshSchema();
  const pool = testPool();
  await openStore({ url: inject("postgresUrl"), schema });
  const groups = `INSERT INTO "${schema}".bus_groups (name, topics, until) VALUES ('gone', '{t}', 0), ('idle', '{t}', 1e15)`;
  const messages = `INSERT INTO "${schema}".bus_messages (group_pk, lane, topic, key, body, sent_at)
    SELECT pk, 1, 't', 'k', '{}', CASE name WHEN 'gone' THEN $1::float8 ELSE 0 END FROM "${schema}".bus_groups`;
  await pool.query(groups);
  await pool.query(messages, [Date.now()]);
  const bus = openBus({ schema });
  await bus.subscribe({ group: "new", topics: ["other"], handle: async () => {} });
  await until(async () => {
    const { rows } = await pool.query(`SELECT name FROM "${schema}".bus_groups`);
    return rows.every(({ name }) => name !== "gone") && (await rowsIn(pool, schema)) === 0;
  }, "the end of the group");
});

test("notifications name the channel of the schema only", async () => {
  const schema = freshSchema();
  const client = await testPool().connect();
  onTestFinished(() => client.release(true));
  const heard: (string | undefined)[] = [];
  client.on("notification", ({ payload }) => heard.push(payload));
  const channel = (name: string) => `flowkit_${createHash("sha256").update(`"${name}"`).digest("hex").slice(0, 32)}`;
  await client.query(`LISTEN ${channel(schema)}`);
  for (const name of [freshSchema(), schema]) {
    const bus = openBus({ schema: name });
    const { got, handle } = noting();
    await bus.subscribe({ group: "g", topics: ["t"], handle });
    await bus.publish("t", "k", messageOf("m"));
    await until(() => got.length === 1, "the message");
  }
  await until(() => heard.length === 2, "the notifications: of the process to itself, and of the message");
  expect(heard.filter((payload) => payload?.length !== 36)).toEqual(["1"]);
});
