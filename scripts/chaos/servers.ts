import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../services/free-port.ts";
import { type KafkaServer, startKafka } from "../services/kafka.ts";
import { startMongo } from "../services/mongo.ts";
import { startTcpProxy, type TcpProxy } from "../services/tcp-proxy.ts";

/** Real servers, with a proxy before each that all parts go through. */
export interface ChaosServers {
  /** Past the proxy, for the checks. */
  readonly mongoUrl: string;
  readonly proxiedMongoUrl: string;
  /** The proxy: it is what the broker says its address is. */
  readonly brokers: readonly string[];
  readonly links: Readonly<Record<LinkName, TcpProxy>>;
  readonly broker: Broker;
  close(): Promise<void>;
}

export type LinkName = "kafka" | "mongo";

/** A broker that can be killed, paused and started again on its data. */
export class Broker {
  readonly #start: () => Promise<KafkaServer>;
  #server: KafkaServer | undefined;
  #starting: Promise<void> | undefined;

  constructor(start: () => Promise<KafkaServer>) {
    this.#start = start;
  }

  get isUp(): boolean {
    return this.#server !== undefined;
  }

  /** Resolves when it serves. */
  start(): Promise<void> {
    if (this.#server !== undefined) return Promise.resolve();
    this.#starting ??= this.#start()
      .then((server) => {
        this.#server = server;
      })
      .finally(() => {
        this.#starting = undefined;
      });
    return this.#starting;
  }

  async kill(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    process.kill(server.pid, "SIGKILL");
    await server.stop(); // its guard has seen it end
  }

  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    if (this.#server !== undefined) process.kill(this.#server.pid, signal);
  }

  async stop(): Promise<void> {
    await this.#starting?.catch(() => {}); // whoever waits for it is told
    await this.#server?.stop();
    this.#server = undefined;
  }
}

/** @throws ServiceMissing where Java, Maven or Python can't be had */
export async function startServers(folder: string, given: { readonly mongoUrl?: string } = {}): Promise<ChaosServers> {
  const kafkaPort = await freePort();
  const kafkaLink = await startTcpProxy({ host: "127.0.0.1", port: kafkaPort });
  const data = join(folder, "kafka");
  mkdirSync(data, { recursive: true });
  const broker = new Broker(() => startKafka({ port: kafkaPort, advertisedPort: kafkaLink.port, folder: data }));
  const mongo = given.mongoUrl === undefined ? await startMongo() : undefined;
  const mongoUrl = mongo?.url ?? (given.mongoUrl as string);
  const { hostname, port } = new URL(mongoUrl);
  const mongoLink = await startTcpProxy({ host: hostname, port: Number(port) });
  const close = async () => {
    await Promise.all([kafkaLink.close(), mongoLink.close(), broker.stop(), mongo?.stop()]);
    rmSync(data, { recursive: true, force: true });
  };
  try {
    await broker.start();
  } catch (error) {
    await close();
    throw error;
  }
  return {
    mongoUrl,
    proxiedMongoUrl: `mongodb://127.0.0.1:${mongoLink.port}/?directConnection=true`,
    brokers: [`127.0.0.1:${kafkaLink.port}`],
    links: { kafka: kafkaLink, mongo: mongoLink },
    broker,
    close,
  };
}
