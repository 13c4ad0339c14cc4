import { once } from "node:events";
import { mkdirSync, mkdtempSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mongoProgram } from "./downloads.ts";
import { freePort } from "./free-port.ts";
import { type ServerProcess, startServer } from "./server-process.ts";

export interface MongoServer extends ServerProcess {
  /** As the driver expects it. */
  readonly url: string;
}

export interface MongoServerOptions {
  /** @defaultValue a free one */
  readonly port?: number;
  /** Its data folder: pass the same one to restart it with its data. The caller must remove it. */
  readonly folder?: string;
}

/**
 * Starts a server that speaks MongoDB's protocol.
 *
 * @throws ServiceMissing without Python
 */
export async function startMongo(options: MongoServerOptions = {}): Promise<MongoServer> {
  const command = await mongoProgram();
  const port = options.port ?? (await freePort());
  const runFolder = mkdtempSync(join(tmpdir(), "flowkit-mongo-"));
  const data = join(options.folder ?? runFolder, "data");
  mkdirSync(data, { recursive: true });
  const server = await startServer({
    name: "the MongoDB server",
    folder: runFolder,
    log: join(runFolder, "log"),
    command,
    args: ["--host", "127.0.0.1", "--port", `${port}`, "--storage-path", data, "--log-level", "WARNING"],
    isReady: async () => {
      const socket = connect(port, "127.0.0.1");
      try {
        await once(socket, "connect");
        return true;
      } finally {
        socket.destroy();
      }
    },
  });
  return { ...server, url: `mongodb://127.0.0.1:${port}/?directConnection=true` };
}
