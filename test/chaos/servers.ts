import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../../scripts/services/free-port.ts";
import { startKafka } from "../../scripts/services/kafka.ts";
import { startMongo } from "../../scripts/services/mongo.ts";
import type { ServerProcess } from "../../scripts/services/server-process.ts";
import { startTcpProxy, type TcpProxy } from "../../scripts/services/tcp-proxy.ts";

/** Real servers, each behind a proxy that all processes use. */
export interface ChaosServers {
  /** Direct address, for the checks. */
  readonly mongoUrl: string;
  readonly proxiedMongoUrl: string;
  /** Address of the proxy, which the broker advertises. */
  readonly brokers: readonly string[];
  readonly links: Readonly<Record<ServerName, TcpProxy>>;
  readonly servers: Readonly<Record<ServerName, Server>>;
  close(): Promise<void>;
}

export const serverNames = ["kafka", "mongo"] as const;
export type ServerName = (typeof serverNames)[number];

/** A server that can be killed, paused and restarted on its data. */
export class Server {
  readonly #start: () => Promise<ServerProcess>;
  #process: ServerProcess | undefined;
  #starting: Promise<void> | undefined;

  constructor(start: () => Promise<ServerProcess>) {
    this.#start = start;
  }

  /** Resolves once it is ready. */
  start(): Promise<void> {
    if (this.#process !== undefined) return Promise.resolve();
    this.#starting ??= this.#start()
      .then((server) => {
        this.#process = server;
      })
      .finally(() => {
        this.#starting = undefined;
      });
    return this.#starting;
  }

  async kill(): Promise<void> {
    const server = this.#process;
    if (server === undefined) return;
    this.#process = undefined;
    process.kill(server.pid, "SIGKILL");
    await server.stop(); // its guard has noticed its exit
  }

  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    if (this.#process !== undefined) process.kill(this.#process.pid, signal);
  }

  async stop(): Promise<void> {
    await this.#starting?.catch(() => {}); // reported to its callers
    await this.kill();
  }
}

/** @throws ServiceMissing without Java, Maven or Python */
export async function startServers(folder: string): Promise<ChaosServers> {
  const kafkaPort = await freePort();
  const mongoPort = await freePort(kafkaPort);
  const kafkaLink = await startTcpProxy({ host: "127.0.0.1", port: kafkaPort });
  const mongoLink = await startTcpProxy({ host: "127.0.0.1", port: mongoPort });
  const data = (name: ServerName) => join(folder, name);
  for (const name of serverNames) mkdirSync(data(name), { recursive: true });
  const servers = {
    kafka: new Server(() => startKafka({ port: kafkaPort, advertisedPort: kafkaLink.port, folder: data("kafka") })),
    mongo: new Server(() => startMongo({ port: mongoPort, folder: data("mongo") })),
  };
  const close = async () => {
    await Promise.all([kafkaLink.close(), mongoLink.close(), servers.kafka.stop(), servers.mongo.stop()]);
    for (const name of serverNames) rmSync(data(name), { recursive: true, force: true });
  };
  try {
    await Promise.all([servers.kafka.start(), servers.mongo.start()]);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    mongoUrl: mongoUrl(mongoPort),
    proxiedMongoUrl: mongoUrl(mongoLink.port),
    brokers: [`127.0.0.1:${kafkaLink.port}`],
    links: { kafka: kafkaLink, mongo: mongoLink },
    servers,
    close,
  };
}

const mongoUrl = (port: number): string => `mongodb://127.0.0.1:${port}/?directConnection=true`;
