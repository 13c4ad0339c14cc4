import { execFileSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { ServiceMissing } from "../../scripts/services/downloads.ts";
import { freePort } from "../../scripts/services/free-port.ts";
import { startPostgres } from "../../scripts/services/postgres.ts";
import { type ServerProcess, startServer } from "../../scripts/services/server-process.ts";

/** A server of the comparison. */
export interface BenchServer {
  readonly title: string;
  /** An empty database for one process, as environment variables. */
  place(): Promise<Readonly<Record<string, string>>>;
  stop(): Promise<void>;
}

/** PostgreSQL with a new database for each process; commits reach the disk. */
async function postgres(): Promise<BenchServer> {
  const server = await startPostgres({ fsync: true });
  const admin = new Client({ connectionString: server.url });
  await admin.connect();
  const { rows } = await admin.query("SHOW server_version");
  let made = 0;
  return {
    title: `PostgreSQL ${rows[0].server_version}, fsync on`,
    async place() {
      const name = `peers_${made++}`;
      await admin.query(`CREATE DATABASE ${name}`);
      return { POSTGRES_URL: server.url.replace(/[^/]*$/, name) };
    },
    async stop() {
      await admin.end();
      await server.stop();
    },
  };
}

/** Redis with a log that is written to disk before each answer, like the commits of the other servers. */
async function redis(): Promise<BenchServer> {
  let version: string;
  try {
    version = execFileSync("redis-server", ["--version"], { encoding: "utf8" });
  } catch {
    throw new ServiceMissing("redis-server is not installed (Debian: apt-get install redis-server)");
  }
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), "flowkit-redis-"));
  const settings = { bind: "127.0.0.1", port, dir: folder, appendonly: "yes", appendfsync: "always", save: '""' };
  const file = join(folder, "redis.conf");
  writeFileSync(
    file,
    Object.entries(settings)
      .map(([name, value]) => `${name} ${value}\n`)
      .join(""),
  );
  const server: ServerProcess = await startServer({
    name: "the Redis server",
    folder,
    log: join(folder, "log"),
    command: "redis-server",
    args: [file],
    isReady: () => ask(port, "PING", "+PONG"),
  });
  return {
    title: `Redis ${/v=([\d.]+)/.exec(version)?.[1]}, appendfsync always`,
    async place() {
      await ask(port, "FLUSHALL", "+OK");
      return { REDIS_PORT: `${port}` };
    },
    stop: () => server.stop(),
  };
}

export const servers = { postgres, redis } as const;
export type ServerName = keyof typeof servers;

/** Sends one command, and resolves to whether the answer is this one. */
function ask(port: number, command: string, answer: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(port, "127.0.0.1", () => socket.write(`${command}\r\n`));
    socket.once("data", (data) => {
      socket.destroy();
      resolve(data.toString().trim() === answer);
    });
    socket.once("error", reject);
  });
}
