import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";

/** A local port that was free a moment ago, excluding ports that are already reserved. */
export async function freePort(...taken: readonly number[]): Promise<number> {
  for (;;) {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, "close");
    if (!taken.includes(port)) return port;
  }
}
