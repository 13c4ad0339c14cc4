import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { catalogue } from "../../../src/cli/settings/catalogue.ts";
import { databaseName, openBus } from "../../../src/cli/settings/open-parts.ts";
import { settingsSchema } from "../../../src/cli/settings/schema.ts";
import { silentLogger } from "../../../src/definitions/index.ts";
import { tempFolder } from "../../helpers/temp-folder.ts";

const kafkaNames = catalogue.flatMap(({ path }) => (path.startsWith("kafka.") ? [path.slice("kafka.".length)] : []));

test("every Kafka setting is used to create the bus", async () => {
  const file = join(tempFolder(), "a.pem");
  writeFileSync(file, "");
  const { kafka = {} } = settingsSchema.parse({
    kafka: {
      brokers: ["k:9092"],
      saslMechanism: "plain",
      saslUsername: "ann",
      saslPassword: "p",
      tlsCAFile: file,
      tlsCertFile: file,
      tlsKeyFile: file,
    },
  });
  const read = new Set<string | symbol>();
  const watched = new Proxy(kafka, {
    get(settings, key) {
      read.add(key);
      return Reflect.get(settings, key);
    },
  });
  const bus = await openBus({ settings: { kafka: watched }, origins: new Map() }, silentLogger);
  onTestFinished(() => bus?.close());
  expect([...read].toSorted()).toEqual(kafkaNames.toSorted());
});

test.each([
  ["postgres://ann:p@db.example:5432/shop?sslmode=require", "PostgreSQL (shop at db.example:5432)"],
  ["postgres://ann@[::1]/shop", "PostgreSQL (shop at [::1])"],
  ["postgres://db.example", "PostgreSQL (at db.example)"],
  ["postgres:///shop?host=/var/run/postgresql&password=p", "PostgreSQL (shop)"],
  ["mongodb://ann:p@one:27017,two:27017,three/shop?replicaSet=r", "PostgreSQL (shop at one:27017,two:27017,three)"],
  // Characters that should be escaped: it is unclear to which part they belong.
  ["postgres://ann:p/w@db.example/shop", "PostgreSQL"],
  ["postgres://ann:12/w@db.example/shop", "PostgreSQL"],
  ["postgres://ann:p@w@db.example/shop", "PostgreSQL"],
  ["postgres://ann:p w", "PostgreSQL"],
])("the name of the database at %s", (url, name) => {
  expect(databaseName("PostgreSQL", { url })).toBe(name);
});

test("the name of a database that is set separately from its URL", () => {
  expect(databaseName("MongoDB", { url: "mongodb://ann:p@db.example/admin", database: "shop" })).toBe(
    "MongoDB (shop at db.example)",
  );
});
