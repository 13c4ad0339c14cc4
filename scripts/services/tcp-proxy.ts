import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** What becomes of a piece of traffic. `lose` drops the connection instead of passing it on. */
export type Fate = "pass" | "lose" | { readonly delayMs: number };

export interface TcpProxy {
  readonly port: number;
  /** Asked for each piece that a client sends, and for each that the server answers. At first all of it passes. */
  fate: (direction: "request" | "answer") => Fate;
  /** Connections that were dropped. */
  readonly lost: { readonly requests: number; readonly answers: number };
  /** Connections of clients that are open now. */
  readonly open: number;
  /** Drops all connections, and refuses new ones until `resume`. */
  interrupt(): void;
  resume(): void;
  close(): Promise<void>;
}

/**
 * Stands between a client and a server and loses connections: before the server has a request, or when it has carried it
 * out and the client doesn't know.
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
        // One behind the other: a delayed piece holds up those that follow it.
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
