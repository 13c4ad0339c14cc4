import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { thrownMessage } from "../../errors/index.ts";
import { CliError } from "../terminal/cli-error.ts";
import type { Health, Metrics } from "./metrics.ts";

/** The HTTP server for probes and metrics. */
export interface Probes {
  /** "http://127.0.0.1:9464". */
  readonly url: string;
  close(): Promise<void>;
}

export interface ProbesOptions {
  readonly port: number;
  readonly host?: string | undefined;
  /** `undefined`: still starting. */
  readonly health: () => Health | undefined;
  readonly metrics: Metrics | { readonly missing: string };
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/**
 * Serves `/health` (200 while the process responds), `/ready` (200 or 503) and `/metrics` for Prometheus. All of them
 * report what the process knows already: a probe sends no request to the store or the bus.
 *
 * @throws CliError `CLI_PORT_UNAVAILABLE`
 */
export async function openProbes(options: ProbesOptions): Promise<Probes> {
  const { createServer } = await import("node:http"); // a fifth of the start of every other command
  const server = createServer((request, response) => {
    answer(request, options).then(
      (given) => send(request, response, given),
      (error: unknown) =>
        send(request, response, { status: 500, type: "text/plain", body: `${thrownMessage(error)}\n` }),
    );
  });
  const { port } = await listening(server, options);
  return {
    url: `http://${options.host?.includes(":") ? `[${options.host}]` : (options.host ?? "localhost")}:${port}`,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

function listening(server: Server, { port, host }: ProbesOptions): Promise<AddressInfo> {
  return new Promise((done, reject) => {
    server.once("error", (error) => {
      const where = host === undefined ? `port ${port}` : `${host}, port ${port}`;
      const message = `cannot listen on ${where}: ${thrownMessage(error)}`;
      reject(new CliError("CLI_PORT_UNAVAILABLE", message, { cause: error }));
    });
    server.listen({ port, host }, () => done(server.address() as AddressInfo));
  });
}

async function answer({ method, url = "/" }: IncomingMessage, options: ProbesOptions): Promise<Answer> {
  if (method !== "GET" && method !== "HEAD") return text(405, "GET only");
  const [path] = url.split("?");
  const health = options.health();
  switch (path) {
    case "/health":
      return json(200, { status: "alive", ...health });
    case "/ready": {
      const ready = health?.ready === true;
      return json(ready ? 200 : 503, { ready, ...(ready ? {} : { reason: whyNotReady(health) }) });
    }
    case "/metrics":
      if ("missing" in options.metrics) return text(501, options.metrics.missing);
      return { status: 200, type: options.metrics.contentType, body: await options.metrics.text(health) };
    default:
      return text(404, "not found: try /health, /ready or /metrics");
  }
}

function whyNotReady(health: Health | undefined): string {
  if (health === undefined || health.state === "new" || health.state === "starting") return "starting";
  if (health.store.status === "unreachable") return "store unreachable";
  if (health.state === "running") return "bus not yet connected";
  return "stopping";
}

const text = (status: number, message: string): Answer => ({
  status,
  type: "text/plain; charset=utf-8",
  body: `${message}\n`,
});
const json = (status: number, value: object): Answer => ({
  status,
  type: "application/json",
  body: `${JSON.stringify(value)}\n`,
});

function send({ method }: IncomingMessage, response: ServerResponse, { status, type, body }: Answer): void {
  response.writeHead(status, { "content-type": type, "cache-control": "no-store" });
  response.end(method === "HEAD" ? undefined : body);
}
