import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { catalogue } from "../../../src/cli/settings/catalogue.ts";
import { openBus } from "../../../src/cli/settings/open-parts.ts";
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
