import { expect, test } from "vitest";
import { clientOf } from "../../../../src/adapters/mongo/options.ts";

async function givenToDriver({ timeoutMs = 10_000, ...options }: Parameters<typeof clientOf>[0]) {
  const client = clientOf(options, timeoutMs);
  await client.close();
  return client.options;
}

test("TLS, credentials and timeouts reach the driver, from the URL and from clientOptions", async () => {
  const fromUrl = await givenToDriver({
    url: "mongodb://al%40ice:p%3Aw@db-1,db-2/runs?tls=true&authSource=accounts&authMechanism=SCRAM-SHA-256&replicaSet=rs",
  });
  expect(fromUrl).toMatchObject({
    tls: true,
    replicaSet: "rs",
    credentials: { username: "al@ice", password: "p:w", source: "accounts", mechanism: "SCRAM-SHA-256" },
    appName: "flowkit",
    serverSelectionTimeoutMS: 10_000,
  });
  const fromOptions = await givenToDriver({
    url: "mongodb://db",
    timeoutMs: 2_000,
    clientOptions: { tls: true, ca: "a certificate", auth: { username: "alice", password: "pw" }, maxPoolSize: 7 },
  });
  expect(fromOptions).toMatchObject({
    tls: true,
    ca: "a certificate",
    credentials: { username: "alice", password: "pw" },
    maxPoolSize: 7,
    serverSelectionTimeoutMS: 2_000,
    socketTimeoutMS: 3_000,
  });
});
