import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { cli, cliProject } from "../../helpers/cli.ts";

const worker = (cwd: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  cli(["worker", "--print-config", ...args], { cwd, env });

const effective = async (...given: Parameters<typeof worker>) => {
  const [cwd, args, env] = given;
  const { stdout, stderr, exitCode } = await worker(cwd, [...args, "--json"], env);
  expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
  return JSON.parse(stdout).settings as readonly { setting: string; value: unknown; from: string }[];
};

/** Settings in each form that a config file allows. */
const everything = {
  handlers: ["flow.ts"],
  types: ["a"],
  externalTypes: ["a"],
  roles: ["a"],
  store: "runs.db",
  mongo: {
    url: "mongodb://ann:s3cret-url@db-1:27017,db-2/shop?tlsCertificateKeyFilePassword=s3cret-option",
    database: "shop",
    prefix: "p",
    username: "ann",
    password: "s3cret-mongo",
    tls: true,
    tlsCAFile: "ca.pem",
    tlsCertificateKeyFile: "own.pem",
    tlsCertificateKeyFilePassword: "s3cret-pem",
    migrate: false,
    timeoutMs: 5_000,
    keepEndedSec: 60,
    keepDeadLettersSec: 60,
  },
  kafka: {
    brokers: ["k-1:9092", "k-2:9092"],
    prefix: "p",
    groupPrefix: "g",
    clientId: "c",
    connectTimeoutMs: 3_000,
    partitions: 3,
    replicationFactor: 2,
    tls: true,
    tlsCAFile: "ca.pem",
    tlsCertFile: "cert.pem",
    tlsKeyFile: "key.pem",
    tlsKeyPassword: "s3cret-key",
    saslMechanism: "scram-sha-512",
    saslUsername: "ann",
    saslPassword: "s3cret-kafka",
  },
  capacity: 16,
  capacityPerType: { render: 2 },
  maxRunning: 100,
  maxRunningPerType: { render: 4 },
  maxRunningPerTask: 10,
  ratePerType: { render: { perSec: 2.5, burst: 4 } },
  leaseMs: 10_000,
  pageSize: 64,
  tickMs: 500,
  sweepMs: 5_000,
  maxLostLeases: 3,
  cancelGraceMs: 1_000,
  graceSec: 30,
  http: { port: 9464, host: "127.0.0.1", token: "s3cret" },
  log: { format: "json", level: "warn" },
};

test("a config file may contain every setting, and secrets are never printed", async () => {
  const cwd = cliProject({ "conf/flowkit.json": everything });
  const settings = await effective(cwd, ["--config", "conf/flowkit.json"]);
  const leaves = Object.entries(everything).flatMap(([key, value]) => {
    const isGroup = ["mongo", "kafka", "http", "log"].includes(key);
    return isGroup ? Object.keys(value).map((inner) => `${key}.${inner}`) : [key];
  });
  expect(settings.map(({ setting }) => setting).toSorted()).toEqual(leaves.toSorted());
  const values = Object.fromEntries(settings.map(({ setting, value }) => [setting, value]));
  expect(values).toMatchObject({
    "mongo.url": "mongodb://****@db-1:27017,db-2/shop?****",
    "mongo.password": "****",
    "mongo.tlsCertificateKeyFilePassword": "****",
    "kafka.tlsKeyPassword": "****",
    "kafka.saslPassword": "****",
    capacityPerType: { render: 2 },
    // Relative to the config file, in any working directory.
    handlers: [`${cwd}/conf/flow.ts`],
    store: `${cwd}/conf/runs.db`,
  });
  const { stdout } = await worker(cwd, ["--config", "conf/flowkit.json"]);
  expect(stdout).toMatch(/^kafka\.saslPassword +"\*\*\*\*" +conf\/flowkit\.json:\d+:\d+$/m);
  expect(`${JSON.stringify(settings)}${stdout}`).not.toContain("s3cret");
});

test("the command line overrides the environment, which overrides the file, setting by setting", async () => {
  const cwd = cliProject({
    "flowkit.json": { capacity: 1, graceSec: 1, leaseMs: 1_000, kafka: { brokers: ["file:1"], prefix: "file" } },
  });
  const env = {
    FLOWKIT_CONFIG: "flowkit.json",
    FLOWKIT_CAPACITY: "2",
    FLOWKIT_GRACE_SEC: "2",
    FLOWKIT_CAPACITY_PER_TYPE: "render=2, mail=1",
    KAFKA_BROKERS: "env-1:9092, env-2:9092",
    KAFKA_TLS: "true",
    KAFKA_SASL_USERNAME: "",
    MONGODB_URL: "mongodb://env/shop",
  };
  const settings = await effective(cwd, ["--capacity", "3"], env);
  expect(settings).toEqual([
    { setting: "mongo.url", value: "mongodb://env/shop", from: "MONGODB_URL" },
    { setting: "kafka.brokers", value: ["env-1:9092", "env-2:9092"], from: "KAFKA_BROKERS" },
    { setting: "kafka.prefix", value: "file", from: "flowkit.json:9:15" },
    { setting: "kafka.tls", value: true, from: "KAFKA_TLS" },
    { setting: "capacity", value: 3, from: "--capacity" },
    { setting: "capacityPerType", value: { render: 2, mail: 1 }, from: "FLOWKIT_CAPACITY_PER_TYPE" },
    { setting: "leaseMs", value: 1_000, from: "flowkit.json:4:14" },
    { setting: "graceSec", value: 2, from: "FLOWKIT_GRACE_SEC" },
  ]);
});

describe("invalid settings", () => {
  test("are reported together, with positions and suggestions", async () => {
    const cwd = cliProject({
      "flowkit.json": {
        capcity: 8,
        brokers: ["a:1"],
        kafka: { borkers: ["a:1"], partitions: "many" },
        mongo: { user: "ann", url: "http://ann:s3cret@db" },
        log: { level: "loud" },
      },
    });
    const env = {
      FLOWKIT_LEASE_MS: "soon",
      KAFKA_BROKERS: "localhost",
      MONGODB_TLS: "yes",
      MONGODB_PASSWORD: "s3cret",
    };
    const { exitCode, stdout, stderr } = await worker(
      cwd,
      ["--config", "flowkit.json", "--capacity", "0", "--mongo", "db:s3cret"],
      env,
    );
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(stderr.split("\n")).toEqual([
      "error CLI_CONFIG: 12 invalid settings",
      "  flowkit.json:2:14: unknown setting 'capcity'; did you mean 'capacity'?",
      "  flowkit.json:3:14: unknown setting 'brokers'; did you mean 'kafka.brokers'?",
      "  flowkit.json:7:16: unknown setting 'kafka.borkers'; did you mean 'kafka.brokers'?",
      "  flowkit.json:10:19: invalid kafka.partitions: expected number, received string",
      expect.stringMatching(
        /^ {2}flowkit\.json:13:13: unknown setting 'mongo\.user'; expected one of url, database, prefix, .*keepDeadLettersSec$/,
      ),
      "  flowkit.json:14:12: invalid mongo.url: must begin with mongodb:// or mongodb+srv://",
      '  flowkit.json:17:14: invalid log.level: expected one of "debug"|"info"|"warn"|"error"',
      "  MONGODB_TLS: invalid mongo.tls 'yes': expected true or false",
      '  KAFKA_BROKERS: invalid kafka.brokers ["localhost"]: must be host:port',
      "  FLOWKIT_LEASE_MS: invalid leaseMs 'soon': expected a number",
      "  --mongo: invalid mongo.url: must begin with mongodb:// or mongodb+srv://",
      "  --capacity: invalid capacity 0: expected number to be >=1",
      "",
    ]);
    expect(stderr).not.toContain("s3cret");
  });

  test("are findings in JSON", async () => {
    const cwd = cliProject({ "flowkit.json": { kafka: { prefx: "a" } } });
    const { exitCode, stdout } = await worker(cwd, ["--config", "flowkit.json", "--json"]);
    expect(exitCode).toBe(2);
    expect(JSON.parse(stdout)).toEqual({
      error: {
        code: "CLI_CONFIG",
        message: "flowkit.json:3:14: unknown setting 'kafka.prefx'; did you mean 'kafka.prefix'?",
        details: {
          findings: [
            {
              setting: "kafka.prefx",
              place: "flowkit.json:3:14",
              message: "unknown setting 'kafka.prefx'",
              hint: "did you mean 'kafka.prefix'?",
            },
          ],
        },
      },
    });
  });

  test("may be an environment variable, which may belong to another program", async () => {
    const env = { KAFKA_BROKER: "a:1", FLOWKIT_CAPACTY: "3", KAFKA_PORT: "9092" };
    const { exitCode, stderr } = await worker(cliProject({}), [], env);
    expect(exitCode).toBe(0);
    expect(stderr).toBe(
      [
        "unknown environment variable KAFKA_BROKER: did you mean KAFKA_BROKERS?",
        "unknown environment variable FLOWKIT_CAPACTY: did you mean FLOWKIT_CAPACITY?",
        "no settings given: all defaults apply",
        "",
      ].join("\n"),
    );
  });

  test("include settings that exclude each other", async () => {
    const cwd = cliProject({
      "flow.ts": "export {};",
      "both.json": { store: "a.db", mongo: { url: "mongodb://h/d" } },
    });
    const coordinator = async (args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
      const { exitCode, stderr } = await cli(["coordinator", "--types", "a", ...args], { cwd, env });
      return { exitCode, stderr };
    };
    expect(await coordinator(["--config", "both.json"])).toEqual({
      exitCode: 2,
      stderr:
        "error CLI_CONFIG: two stores are configured: a SQLite file (both.json:2:12) and a MongoDB database (both.json:4:12)\n  Remove one of them.\n",
    });
    expect(await coordinator(["--store", "a.db", "--kafka-brokers", "a:1"], { KAFKA_SASL_USERNAME: "ann" })).toEqual({
      exitCode: 2,
      stderr: "error CLI_CONFIG: incomplete Kafka credentials: set kafka.saslMechanism and kafka.saslPassword\n",
    });
    expect(await coordinator(["--store", "a.db", "--kafka-brokers", "a:1"], { KAFKA_TLS_CA_FILE: "no.pem" })).toEqual({
      exitCode: 2,
      stderr: "error CLI_FILE_NOT_FOUND: file not found: no.pem\n",
    });
    expect(await coordinator([])).toEqual({
      exitCode: 2,
      stderr: "error CLI_USAGE: missing store\n  Pass --store FILE, --store postgres://... or --mongo URL.\n",
    });
    expect((await cli(["coordinator", "--store", "a.db"], { cwd })).stderr).toMatch(/^error CLI_NO_HANDLERS: a coord/);
    expect((await cli(["worker", "--store", "a.db"], { cwd })).stderr).toMatch(/^error CLI_NO_HANDLERS: a worker/);
  });
});

test("a store that cannot be opened, and a cursor that no list has returned, are errors", async () => {
  const cwd = cliProject({ "text.db": "not a database" });
  expect(await cli(["tasks", "list", "--store", "text.db"], { cwd })).toEqual({
    exitCode: 1,
    stdout: "",
    stderr: expect.stringMatching(/^error STORE_UNAVAILABLE: the SQLite file '.*text\.db' cannot be opened: /),
  });
  writeFileSync(join(cwd, "runs.db"), "");
  for (const command of ["tasks", "dlq", "schedules"]) {
    expect(await cli([command, "list", "--store", "runs.db", "--cursor", "zz"], { cwd })).toEqual({
      exitCode: 2,
      stdout: "",
      stderr: expect.stringMatching(/^error ENGINE_OPTIONS: invalid cursor 'zz': expected that of the previous page;/),
    });
  }
});
