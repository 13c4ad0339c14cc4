import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { FlowError, type FlowErrorCode, type Json, thrownMessage } from "../../errors/index.ts";
import { CliError } from "../terminal/cli-error.ts";
import type { Health, Metrics } from "./metrics.ts";

/** The HTTP server for probes and metrics. */
export interface Probes {
  /** "http://127.0.0.1:9464". */
  readonly url: string;
  close(): Promise<void>;
}

/** Sends a signal to a node of a task. */
export type SendSignal = (taskId: string, nodeId: string, payload: Json) => Promise<string>;

export interface ProbesOptions {
  readonly port: number;
  readonly host: string;
  /** The token that requests which change something must present; without one, only this machine may send them. */
  readonly token?: string | undefined;
  /** `undefined`: this process runs no coordinator. */
  readonly signal?: SendSignal | undefined;
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
 * report what the process knows already: a probe sends no request to the store or the bus. A coordinator also takes
 * signals: `POST /tasks/TASK/signals/NODE` with the payload as JSON.
 *
 * @throws CliError `CLI_PORT_UNAVAILABLE`
 */
export async function openProbes(options: ProbesOptions): Promise<Probes> {
  const { createServer } = await import("node:http"); // importing it takes a fifth of the start of every other command
  const server = createServer((request, response) => {
    answer(request, options).then(
      (given) => send(request, response, given),
      (error: unknown) =>
        send(request, response, { status: 500, type: "text/plain", body: `${thrownMessage(error)}\n` }),
    );
  });
  const { port } = await listening(server, options);
  return {
    url: `http://${options.host.includes(":") ? `[${options.host}]` : options.host}:${port}`,
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
      const message = `cannot listen on ${host}, port ${port}: ${thrownMessage(error)}`;
      const hint = "Choose another port; 0 is any free one.";
      reject(new CliError("CLI_PORT_UNAVAILABLE", message, { cause: error, hint }));
    });
    server.listen({ port, host }, () => done(server.address() as AddressInfo));
  });
}

async function answer(request: IncomingMessage, options: ProbesOptions): Promise<Answer> {
  const { method, url = "/" } = request;
  const [, taskId, nodeId] = /^\/tasks\/([^/?]+)\/signals\/([^/?]+)$/.exec(url) ?? [];
  if (method === "POST" && taskId !== undefined && nodeId !== undefined) {
    return takeSignal(request, options, { taskId: decodeURIComponent(taskId), nodeId: decodeURIComponent(nodeId) });
  }
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

const maxBodyBytes = 1_048_576;

async function takeSignal(
  request: IncomingMessage,
  { signal, token, health }: ProbesOptions,
  { taskId, nodeId }: { readonly taskId: string; readonly nodeId: string },
): Promise<Answer> {
  if (signal === undefined) return text(404, "only coordinators take signals");
  const refusal = whyRefused(request, token);
  if (refusal !== undefined) return refusal;
  if (health() === undefined) return text(503, "starting");
  let size = 0;
  const parts: Buffer[] = [];
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > maxBodyBytes) return text(413, `the payload exceeds ${maxBodyBytes} bytes`);
    parts.push(part);
  }
  let payload: Json;
  try {
    payload = JSON.parse(Buffer.concat(parts).toString("utf8"));
  } catch (error) {
    return text(400, `the body is not JSON: ${thrownMessage(error)}`);
  }
  try {
    const outcome = await signal(taskId, nodeId, payload);
    return json(outcome === "accepted" ? 200 : 409, { taskId, nodeId, outcome });
  } catch (error) {
    if (!FlowError.is(error)) throw error;
    const { code, message } = error;
    return json(statuses[code] ?? 503, { error: { code, message } });
  }
}

const statuses: Readonly<Partial<Record<FlowErrorCode, number>>> = {
  TASK_UNKNOWN: 404,
  NODE_UNKNOWN: 404,
  SIGNAL_INVALID: 400,
  SIGNAL_TOO_LARGE: 413,
};

const loopback = /^(?:localhost|127(?:\.\d+){3}|\[?::1\]?)(?::\d+)?$/;
const isLocal = (address = ""): boolean => loopback.test(address.replace(/^::ffff:/, ""));

/**
 * Without a token, only this machine may send signals. Web sites may make its browsers send requests, but without a
 * preflight these have another host or another content type.
 */
function whyRefused({ headers, socket }: IncomingMessage, token: string | undefined): Answer | undefined {
  if (headers["content-type"]?.split(";")[0]?.trim() !== "application/json") {
    return text(415, "the content-type must be application/json");
  }
  if (token === undefined) {
    const mayPass = isLocal(socket.remoteAddress) && isLocal(headers.host) && headers["x-forwarded-for"] === undefined;
    return mayPass ? undefined : text(403, "signals from other machines require a token: set http.token");
  }
  const [given, wanted] = [headers.authorization ?? "", `Bearer ${token}`].map((each) =>
    createHash("sha256").update(each).digest(),
  );
  const isSame = given !== undefined && wanted !== undefined && timingSafeEqual(given, wanted);
  return isSame ? undefined : text(401, "the token in the header 'authorization: Bearer TOKEN' is missing or wrong");
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
