import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { kafkaJars } from "./downloads.ts";
import { freePort } from "./free-port.ts";
import { isKafkaReady } from "./kafka-ready.ts";
import { type Secured, securedListener } from "./kafka-security.ts";
import { type ServerProcess, startServer } from "./server-process.ts";

export interface KafkaServer extends ServerProcess {
  /** `host:port`, as kafkajs expects it. */
  readonly address: string;
  /** Present if it was requested. */
  readonly secured?: Secured;
}

export interface KafkaServerOptions {
  /** @defaultValue a free one */
  readonly port?: number;
  /** Its data folder: pass the same one to restart it with its topics. The caller must remove it. */
  readonly folder?: string;
  /** The port that it advertises to clients, such as that of a proxy. @defaultValue its own */
  readonly advertisedPort?: number;
  /** Additional lines of its `server.properties`. */
  readonly settings?: readonly string[];
  /**
   * Users and passwords for a second listener with TLS and SASL (PLAIN, SCRAM-SHA-256). Without an ACL they have no
   * permissions; clients of `address` have all.
   */
  readonly users?: Readonly<Record<string, string>>;
}

/** Constant, because a broker that restarts on existing data must have the same cluster id. */
const clusterId = "Zmxvd2tpdC10ZXN0LWJybw";

const javaFlags = [
  "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
  "-XX:+UseSerialGC",
  "-XX:TieredStopAtLevel=1",
  "-XX:-UsePerfData",
  "-Xmx512m",
];

/**
 * Starts a single-node broker (KRaft) and resolves once it serves consumer groups.
 *
 * @throws ServiceMissing without Java and Maven
 */
export async function startKafka(options: KafkaServerOptions = {}): Promise<KafkaServer> {
  const classPath = join(await kafkaJars(), "*") + delimiter;
  const port = options.port ?? (await freePort());
  const controllerPort = await freePort(port);
  const runFolder = mkdtempSync(join(tmpdir(), "flowkit-kafka-"));
  const folder = options.folder ?? runFolder;
  mkdirSync(folder, { recursive: true });
  const properties = join(runFolder, "server.properties");
  const advertisedPort = options.advertisedPort ?? port;
  const { users } = options;
  const secured =
    users === undefined
      ? undefined
      : await securedListener({ users, folder: runFolder, taken: [port, controllerPort] });
  const lines = [
    ...serverProperties({ port, advertisedPort, controllerPort, folder, further: secured?.listener }),
    ...(secured?.settings ?? []),
    ...(options.settings ?? []),
  ];
  writeFileSync(properties, lines.join("\n"));
  const java = [...javaFlags, "-cp", classPath];
  const scram = secured?.formatArgs ?? [];
  const format = [
    "kafka.tools.StorageTool",
    "format",
    "--ignore-formatted",
    "-t",
    clusterId,
    "-c",
    properties,
    ...scram,
  ];
  try {
    await promisify(execFile)("java", [...java, ...format]);
  } catch (error) {
    rmSync(runFolder, { recursive: true });
    throw error;
  }
  const server = await startServer({
    name: "the Kafka broker",
    folder: runFolder,
    log: join(runFolder, "log"),
    command: "java",
    args: [...java, "kafka.Kafka", properties],
    isReady: () => isKafkaReady(port),
  });
  return { ...server, address: `127.0.0.1:${port}`, ...(secured === undefined ? {} : { secured: secured.way }) };
}

function serverProperties(at: {
  readonly port: number;
  readonly advertisedPort: number;
  readonly controllerPort: number;
  readonly folder: string;
  /** An additional listener. */
  readonly further: string | undefined;
}): readonly string[] {
  const further = at.further === undefined ? "" : `,${at.further}`;
  return [
    "process.roles=broker,controller",
    "node.id=1",
    `controller.quorum.voters=1@127.0.0.1:${at.controllerPort}`,
    `listeners=PLAINTEXT://127.0.0.1:${at.port},CONTROLLER://127.0.0.1:${at.controllerPort}${further}`,
    `advertised.listeners=PLAINTEXT://127.0.0.1:${at.advertisedPort}${further}`,
    "controller.listener.names=CONTROLLER",
    "inter.broker.listener.name=PLAINTEXT",
    "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    `log.dirs=${at.folder}/data`,
    "offsets.topic.replication.factor=1",
    "offsets.topic.num.partitions=1",
    "transaction.state.log.replication.factor=1",
    "transaction.state.log.min.isr=1",
    "transaction.state.log.num.partitions=1",
    "share.coordinator.state.topic.replication.factor=1",
    "share.coordinator.state.topic.min.isr=1",
    "group.initial.rebalance.delay.ms=0",
    "auto.create.topics.enable=false",
  ];
}
