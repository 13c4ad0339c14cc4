import { execFile } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { kafkaJars, once } from "./downloads.ts";
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

/** The files of a formatted data folder, the same for all brokers without users; last the one that marks it as formatted. */
const formatted = ["bootstrap.checkpoint", "meta.properties"] as const;

/**
 * Starts a single-node broker (KRaft) and resolves once it serves consumer groups.
 *
 * @throws ServiceMissing without Java and Maven
 */
export async function startKafka(options: KafkaServerOptions = {}): Promise<KafkaServer> {
  const { folder: jars, version } = await kafkaJars();
  const java = [...javaFlags, "-cp", join(jars, "*") + delimiter];
  const prepared = await once("kafka-start", [version, ...java].join("\n"), (folder) => firstStart(folder, java));
  return startBroker(options, { java: [`-XX:SharedArchiveFile=${archiveIn(prepared)}`, ...java], prepared });
}

const archiveIn = (folder: string): string => join(folder, "classes.jsa");

/**
 * Starts a broker once and keeps an archive of its classes and a formatted data folder, which later starts load and
 * copy: this saves more than half of a start.
 */
async function firstStart(folder: string, java: readonly string[]): Promise<string> {
  const broker = await startBroker({ folder }, { java, toArchive: archiveIn(folder) });
  // Not by its guard, which would kill it if writing the archive took too long.
  process.kill(broker.pid, "SIGTERM");
  await broker.ended;
  for (const file of formatted) renameSync(join(folder, "data", file), join(folder, file));
  rmSync(join(folder, "data"), { recursive: true });
  return folder;
}

async function startBroker(
  options: KafkaServerOptions,
  start: {
    /** The arguments of each Java program. */
    readonly java: readonly string[];
    /** The folder of {@link firstStart}. */
    readonly prepared?: string;
    /** Where the broker writes the classes that it has loaded, when it exits. */
    readonly toArchive?: string;
  },
): Promise<KafkaServer> {
  const port = options.port ?? (await freePort());
  const controllerPort = await freePort(port);
  const runFolder = mkdtempSync(join(tmpdir(), "flowkit-kafka-"));
  const folder = options.folder ?? runFolder;
  const data = join(folder, "data");
  mkdirSync(data, { recursive: true });
  const properties = join(runFolder, "server.properties");
  const advertisedPort = options.advertisedPort ?? port;
  const { users } = options;
  const secured =
    users === undefined
      ? undefined
      : await securedListener({ users, folder: runFolder, taken: [port, controllerPort] });
  const lines = [
    ...serverProperties({ port, advertisedPort, controllerPort, data, further: secured?.listener }),
    ...(secured?.settings ?? []),
    ...(options.settings ?? []),
  ];
  writeFileSync(properties, lines.join("\n"));
  const { java, prepared, toArchive } = start;
  if (prepared === undefined || secured !== undefined) {
    const scram = secured?.formatArgs ?? [];
    const format = ["kafka.tools.StorageTool", "format", "--ignore-formatted", "-t", clusterId, "-c", properties];
    try {
      await promisify(execFile)("java", [...java, ...format, ...scram]);
    } catch (error) {
      rmSync(runFolder, { recursive: true });
      throw error;
    }
  } else if (!existsSync(join(data, "meta.properties"))) {
    for (const file of formatted) copyFileSync(join(prepared, file), join(data, file));
  }
  const server = await startServer({
    name: "the Kafka broker",
    folder: runFolder,
    log: join(runFolder, "log"),
    command: "java",
    args: [
      ...(toArchive === undefined ? [] : [`-XX:ArchiveClassesAtExit=${toArchive}`]),
      ...java,
      "kafka.Kafka",
      properties,
    ],
    isReady: () => isKafkaReady(port),
  });
  return { ...server, address: `127.0.0.1:${port}`, ...(secured === undefined ? {} : { secured: secured.way }) };
}

function serverProperties(at: {
  readonly port: number;
  readonly advertisedPort: number;
  readonly controllerPort: number;
  readonly data: string;
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
    `log.dirs=${at.data}`,
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
