import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** What happens to a chunk of data. `lose` drops the connection instead of forwarding it. */
export type Fate = "pass" | "lose" | { readonly delayMs: number };

export interface TcpProxy {
  readonly port: number;
  /** Called for each chunk in both directions. By default all of them pass. */
  fate: (direction: "request" | "answer") => Fate;
  /** Number of dropped connections. */
  readonly lost: { readonly requests: number; readonly answers: number };
  /** Number of open client connections. */
  readonly open: number;
  /** Drops all connections and rejects new ones until `resume`. */
  interrupt(): void;
  resume(): void;
  close(): Promise<void>;
}

/**
 * A proxy between a client and a server that loses connections: before the server receives a request, or after it has
 * executed it but before the client receives the response.
 */
export async function startTcpProxy(target: { readonly host: string; readonly port: number }): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  const lost = { requests: 0, answers: 0 };
  let refusing = false;
  const server = createServer((client) => {
    if (refusing) {
      client.destroy();
      return;
    }
    const upstream = connect(target.port, target.host);
    const pair = [client, upstream];
    const drop = () => {
      for (const socket of pair) {
        sockets.delete(socket);
        socket.destroy();
      }
    };
    for (const socket of pair) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on("close", drop);
      socket.on("error", drop);
    }
    relay({ from: client, to: upstream, direction: "request" });
    relay({ from: upstream, to: client, direction: "answer" });

    function relay(way: {
      readonly from: Socket;
      readonly to: Socket;
      readonly direction: "request" | "answer";
    }): void {
      let order: Promise<void> = Promise.resolve();
      way.from.on("data", (piece) => {
        const fate = proxy.fate(way.direction);
        if (fate === "lose") {
          lost[way.direction === "request" ? "requests" : "answers"]++;
          drop();
          return;
        }
        // In order: a delayed chunk delays the following ones.
        order = order.then(async () => {
          if (fate !== "pass") await new Promise((done) => setTimeout(done, fate.delayMs));
          if (!way.to.destroyed) way.to.write(piece);
        });
      });
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const proxy: TcpProxy = {
    port: (server.address() as AddressInfo).port,
    fate: () => "pass",
    lost,
    get open() {
      return sockets.size / 2;
    },
    interrupt() {
      refusing = true;
      for (const socket of sockets) socket.destroy();
    },
    resume() {
      refusing = false;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
  return proxy;
}
