import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { inspect, promisify } from "node:util";
import { expect, inject, onTestFinished, test } from "vitest";
import { startPostgres } from "../../../scripts/services/postgres.ts";
import { postgresBus, postgresStore } from "../../../src/adapters/postgres/index.ts";
import { FlowError } from "../../../src/errors/index.ts";
import { newTask } from "../../contract/store/fixture.ts";
import { tempFolder } from "../../helpers/temp-folder.ts";
import { needsServices } from "../services.ts";
import { freshSchema, openStore, testPool } from "./postgres-world.ts";

needsServices("postgres");

const run = promisify(execFile);

/** The URL of the server, with changes. */
function urlWith(changes: Partial<Pick<URL, "hostname" | "port" | "password" | "pathname" | "search">>): string {
  const url = new URL(inject("postgresUrl"));
  return Object.assign(url, changes).href;
}

const cases: Record<string, { readonly url: () => string; readonly error: object }> = {
  "a wrong password": {
    url: () => urlWith({ password: "s3cret" }),
    error: {
      retryable: false,
      message: 'PostgreSQL request failed: password authentication failed for user "postgres"',
    },
  },
  "an unknown database": {
    url: () => urlWith({ pathname: "/shop" }),
    error: { retryable: false, message: 'PostgreSQL request failed: database "shop" does not exist' },
  },
  "a closed port": {
    url: () => urlWith({ port: "1", password: "s3cret" }),
    error: { retryable: true, message: "PostgreSQL is unreachable: connect ECONNREFUSED 127.0.0.1:1" },
  },
  "an unknown host": {
    url: () => urlWith({ hostname: "no-such-host.invalid", password: "s3cret" }),
    error: {
      retryable: true,
      message: expect.stringMatching(/^PostgreSQL is unreachable: getaddrinfo \w+ no-such-host\.invalid$/),
    },
  },
  "TLS on a server without it": {
    url: () => urlWith({ search: "?sslmode=verify-full", password: "s3cret" }),
    error: { retryable: false, message: "PostgreSQL is unreachable: The server does not support SSL connections" },
  },
};

for (const [name, { url, error }] of Object.entries(cases)) {
  test(`${name} is named in one sentence, without the password`, async () => {
    const refused = await postgresStore({ url: url() })
      .open()
      .catch((reason: unknown) => reason);
    expect(refused).toMatchObject({ code: "STORE_UNAVAILABLE", ...error });
    expect(inspect(refused, { depth: 10, showHidden: true })).not.toMatch(/s3cret|for tests only|for%20tests/);
  });
}

test("a bus rejects with BUS_UNAVAILABLE", async () => {
  const bus = postgresBus({ url: urlWith({ password: "s3cret" }) });
  const refused = await bus
    .subscribe({ group: "g", topics: ["t"], handle: async () => {} })
    .catch((reason: unknown) => reason);
  expect(refused).toMatchObject({ code: "BUS_UNAVAILABLE", retryable: false });
  await bus.close();
});

test("an existing pool is used, and stays open", async () => {
  const pool = testPool({ max: 3 });
  const store = await openStore({ pool, schema: freshSchema() });
  await Promise.all(Array.from({ length: 20 }, (_, n) => store.createTask(newTask(`t${n}`))));
  expect(pool.totalCount).toBeLessThanOrEqual(3);
  await store.close();
  expect((await pool.query("SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
  expect(await store.readTask("t0").catch((error: unknown) => FlowError.is(error, "STORE_UNAVAILABLE"))).toBe(true);
});

test("connections use TLS, and verify the certificate", async () => {
  const folder = tempFolder();
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
  const files = ["-keyout", key, "-out", cert];
  await run("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", ...files, ...subject]);
  const server = await startPostgres({ tls: { cert, key } });
  onTestFinished(() => server.stop());
  const url = new URL(server.url);
  url.hostname = "localhost";
  const trusting = new URL(url);
  trusting.search = new URLSearchParams({ sslmode: "verify-full", sslrootcert: cert }).toString();
  const store = await openStore({ url: trusting.href });
  await store.createTask(newTask("t"));
  const byOptions = await openStore({ url: url.href, poolOptions: { ssl: { ca: readFileSync(cert, "utf8") } } });
  expect(await byOptions.readTask("t")).toBeDefined();
  const bus = postgresBus({ url: trusting.href });
  await bus.subscribe({ group: "g", topics: ["t"], handle: async () => {} });
  await bus.close();

  const open = (target: URL, ssl: object) => postgresStore({ url: target.href, poolOptions: { ssl } }).open();
  await expect(open(url, {})).rejects.toMatchObject({
    code: "STORE_UNAVAILABLE",
    retryable: false,
    message: expect.stringMatching(/^PostgreSQL is unreachable: self-signed certificate/),
  });
  const byAddress = new URL(url);
  byAddress.hostname = "127.0.0.1";
  await expect(open(byAddress, { ca: readFileSync(cert, "utf8") })).rejects.toMatchObject({
    retryable: false,
    message: expect.stringContaining("127.0.0.1 is not in the cert's list"),
  });
});
