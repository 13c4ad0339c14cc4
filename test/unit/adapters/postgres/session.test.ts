import { EventEmitter } from "node:events";
import type { Pool } from "pg";
import { expect, test } from "vitest";
import { Session } from "../../../../src/adapters/postgres/database/session.ts";

/** A connection that answers when the test says. */
class HandConnection extends EventEmitter {
  readonly pipeline = true;
  readonly answer = Promise.withResolvers<{ readonly rows: readonly object[] }>();
  releases = 0;
  query = () => this.answer.promise;
  release(): void {
    this.releases++;
  }
}

const sessionOver = (pool: object): Session => {
  const session = new Session({
    ...{ what: "store", pool: pool as Pool, isOwned: false, schema: '"s"' },
    ...{ migrate: false, prepare: false, redact: (text) => text },
  });
  session.connect();
  return session;
};

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

test("a connection that becomes spare while another request waits for one returns to its pool", async () => {
  const given: PromiseWithResolvers<HandConnection>[] = [];
  const pool = {
    waitingCount: 0,
    connect() {
      const one = Promise.withResolvers<HandConnection>();
      given.push(one);
      return one.promise;
    },
  };
  const session = sessionOver(pool);
  const [own, other] = [new HandConnection(), new HandConnection()];
  const answers = ["SELECT 1", "SELECT 2"].map((text) => session.all(text));
  given[0]?.resolve(own);
  await turn();
  own.answer.resolve({ rows: [] });
  for (let step = 0; step < 10; step++) await undefined; // its request ends, within the same turn
  given[1]?.resolve(other);
  await turn();
  other.answer.resolve({ rows: [] });
  expect(await Promise.all(answers)).toEqual([[], []]);
  await turn();
  expect([own.releases, other.releases]).toEqual([1, 1]);
});

test("a pool of pg.native is refused, with what to do", async () => {
  // As pg.native's connections: the protocol is hidden in `native`, and queries are submitted to the connection itself.
  const connection = Object.assign(new HandConnection(), {
    ...{ native: {}, pipeline: false },
    query(request: { submit(connection: object): void }) {
      request.submit(connection);
    },
  });
  const session = sessionOver({ waitingCount: 0, connect: async () => connection });
  await expect(session.all("SELECT 1")).rejects.toMatchObject({
    code: "ENGINE_OPTIONS",
    retryable: false,
    message:
      "postgres: connections of pg.native are not supported: pass a Pool of pg itself, and do not set NODE_PG_FORCE_NATIVE",
  });
  expect(connection.releases).toBe(1);
});
