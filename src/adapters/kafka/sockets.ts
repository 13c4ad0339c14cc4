import { isIP, connect as openSocket, type Socket } from "node:net";
import { connect as openTlsSocket } from "node:tls";
import type { ISocketFactory } from "kafkajs";

const keepAliveMs = 60_000;

/**
 * The connections of one bus. The driver's own `disconnect` leaves some behind: whatever it is still trying connects
 * again. One of them is enough to keep the process from ending, so the bus closes them itself when all else is closed.
 */
export class Sockets {
  readonly #open = new Set<Socket>();
  #closed = false;

  get closed(): boolean {
    return this.#closed;
  }

  readonly open: ISocketFactory = ({ host, port, ssl, onConnect }) => {
    if (this.#closed) throw closedError();
    const name = isIP(host) === 0 ? { servername: host } : {};
    const socket = ssl
      ? openTlsSocket({ host, port, ...name, ...ssl }, onConnect)
      : openSocket({ host, port }, onConnect);
    socket.setKeepAlive(true, keepAliveMs);
    this.#open.add(socket);
    socket.once("close", () => this.#open.delete(socket));
    return socket;
  };

  /** Ends those that are there, and lets no other be opened. */
  close(): void {
    this.#closed = true;
    for (const socket of this.#open) socket.destroy(closedError()); // by an error the driver lets go of its timers too
  }
}

const closedError = () => new Error("this Kafka bus is closed");
