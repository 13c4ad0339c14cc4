import { execFile } from "node:child_process";
import { chmodSync, chownSync, cpSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Client } from "pg";
import { postgresPrograms } from "./downloads.ts";
import { freePort } from "./free-port.ts";
import { type ServerProcess, startServer } from "./server-process.ts";

const run = promisify(execFile);

export interface PostgresServer extends ServerProcess {
  /** The URL of its superuser, with the password. */
  readonly url: string;
}

export interface PostgresServerOptions {
  /** @defaultValue a free one */
  readonly port?: number;
  /** Commits reach the disk, as in production. @defaultValue false, which suits tests */
  readonly fsync?: boolean;
  /** Files of a certificate and its key: connections may then use TLS. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

/** PostgreSQL refuses to run as root: root starts it as this user, `nobody`. */
const unprivileged = 65_534;
const password = "for tests only";

/**
 * Starts a PostgreSQL server, on an empty database cluster.
 *
 * @throws ServiceMissing if npm does not have a build of it, or cannot be reached
 */
export async function startPostgres(options: PostgresServerOptions = {}): Promise<PostgresServer> {
  const cached = await postgresPrograms();
  const port = options.port ?? (await freePort());
  const folder = mkdtempSync(join(tmpdir(), "flowkit-postgres-"));
  const isRoot = process.getuid?.() === 0;
  // The other user may not be able to read the cache.
  const programs = isRoot ? join(folder, "programs") : cached;
  if (isRoot) cpSync(cached, programs, { recursive: true, verbatimSymlinks: true });
  const data = join(folder, "data");
  const passwordFile = join(folder, "password");
  writeFileSync(passwordFile, password);
  mkdirSync(data);
  const files = options.tls === undefined ? [] : ["cert", "key"].map((name) => join(folder, `server.${name}`));
  if (options.tls !== undefined)
    for (const [at, from] of [options.tls.cert, options.tls.key].entries()) {
      cpSync(from, files[at] ?? "");
      chmodSync(files[at] ?? "", 0o600);
    }
  if (isRoot) for (const path of [folder, data, passwordFile, ...files]) chownSync(path, unprivileged, unprivileged);
  const { uid, gid } = statSync(folder);
  const how = [
    "-A",
    "scram-sha-256",
    "-U",
    "postgres",
    "--pwfile",
    passwordFile,
    "-E",
    "UTF8",
    "--locale",
    "C",
    "--no-sync",
  ];
  await run(join(programs, "bin", "initdb"), ["-D", data, ...how], { cwd: folder, ...(isRoot ? { uid, gid } : {}) });
  rmSync(passwordFile);
  const settings = [
    `fsync=${options.fsync === true ? "on" : "off"}`,
    "max_connections=200",
    "listen_addresses=127.0.0.1",
    `unix_socket_directories=${folder}`,
  ];
  if (files.length > 0) settings.push("ssl=on", `ssl_cert_file=${files[0]}`, `ssl_key_file=${files[1]}`);
  const url = `postgres://postgres:${encodeURIComponent(password)}@127.0.0.1:${port}/postgres`;
  const server = await startServer({
    name: "the PostgreSQL server",
    folder,
    log: join(folder, "log"),
    command: join(programs, "bin", "postgres"),
    args: ["-D", data, "-p", `${port}`, ...settings.flatMap((setting) => ["-c", setting])],
    stopBy: "SIGINT", // on SIGTERM it would wait until its clients disconnect
    isReady: async () => {
      const client = new Client({ connectionString: url, connectionTimeoutMillis: 1_000 });
      await client.connect();
      await client.end();
      return true;
    },
  });
  return { ...server, url };
}
