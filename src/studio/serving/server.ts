import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { type Context, Hono } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { FlowError, thrownMessage } from "../../errors/index.ts";
import type { CancelRequest, SessionRequest, SignalRequest, StudioInfo, WorkerList } from "../api.ts";
import { nodeIn, readingOf, readRecord } from "../reading.ts";
import { artifactPage, failedBatchPage } from "../views/artifacts.ts";
import { flowDetail, listFlows, type StudioFlow, schemasOf } from "../views/flows.ts";
import { eventPage, timelineOf } from "../views/history.ts";
import { lineageOf } from "../views/lineage.ts";
import { pageOfTasks, waitingTasks } from "../views/task-list.ts";
import { logPage, nodeDetail, readFacts, taskDetail } from "../views/task-view.ts";
import { Access, isLoopback, leastTokenLength } from "./access.ts";
import { actionNames, actOn, type ClientParts, newClient, TaskStarter } from "./actions.ts";
import { Assets, pageFolder } from "./assets.ts";
import { answerTo, artifactPlace, bodies, bodyOf, filterOf, idOf, queries, queryOf } from "./requests.ts";
import { Streams } from "./streams.ts";

export interface StudioOptions extends ClientParts {
  readonly port: number;
  /** @defaultValue "127.0.0.1"; another address requires a token */
  readonly host?: string | undefined;
  /** At least 16 characters. */
  readonly token?: string | undefined;
  readonly readOnly: boolean;
  /** The display name of the store, without a password. */
  readonly storeName: string;
  /** The version of FlowKit. */
  readonly version: string;
  /** What else this process runs. */
  readonly runs: StudioInfo["runs"];
  /** Flows that may be started. */
  readonly flows: readonly StudioFlow[];
  /** @defaultValue the page in the package */
  readonly page?: string;
}

export interface Studio {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Serves the studio: a web page, and the JSON API that it reads.
 *
 * @throws FlowError `STUDIO_TOKEN_REQUIRED`, and errors of the store
 * @throws Error of Node if it cannot listen
 */
export async function openStudio(options: StudioOptions): Promise<Studio> {
  const { host = "127.0.0.1", port, token } = options;
  if (token === undefined && !isLoopback(host)) {
    const text = `a studio that other machines can reach, on ${host}, requires a token`;
    throw new FlowError("STUDIO_TOKEN_REQUIRED", text);
  }
  if (token !== undefined && token.length < leastTokenLength) {
    const text = `the token of a studio must have at least ${leastTokenLength} characters`;
    throw new FlowError("STUDIO_TOKEN_REQUIRED", text);
  }
  const client = newClient(options, []);
  await client.start();
  const { app, streams } = studioApp(options, client);
  const server = createAdaptorServer({ fetch: app.fetch, overrideGlobalObjects: false });
  const close = async () => {
    streams.close();
    await new Promise<void>((done) => {
      server.close(() => done());
      if ("closeAllConnections" in server) server.closeAllConnections();
    });
    await client.stop();
  };
  try {
    const bound = await new Promise<AddressInfo>((done, reject) => {
      server.once("error", reject);
      server.listen({ port, host }, () => done(server.address() as AddressInfo));
    });
    return { url: `http://${host.includes(":") ? `[${host}]` : host}:${bound.port}/`, close };
  } catch (error) {
    await client.stop();
    throw error;
  }
}

/** Allows scripts and styles of the package only, no frames, and requests to this server only. */
const headers: Readonly<Record<string, string>> = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
};

function studioApp(options: StudioOptions, client: ReturnType<typeof newClient>) {
  const { logger, flows, readOnly, token } = options;
  const access = new Access({ token, readOnly });
  const assets = new Assets(options.page ?? pageFolder());
  const reading = readingOf(client, options.store, options.adapters);
  const starter = new TaskStarter(reading, options, flows);
  const streams = new Streams(reading);
  const app = new Hono();

  app.use(async (context, next) => {
    for (const [name, value] of Object.entries(headers)) context.header(name, value);
    const asking = { method: context.req.method, path: context.req.path, header: context.req.header.bind(context.req) };
    if (!context.req.path.startsWith("/api/")) access.checkOrigin(asking);
    else {
      context.header("cache-control", "no-store");
      access.check(asking);
    }
    await next();
  });
  app.onError((error, context) => {
    const { status, body, isExpected } = answerTo(error);
    const { method, path } = context.req;
    if (!isExpected) logger.error({ err: error, method, path }, `studio: ${thrownMessage(error)}`);
    for (const [name, value] of Object.entries(headers)) context.header(name, value);
    return context.json(body, status as ContentfulStatusCode);
  });
  app.notFound(async (context) => {
    const { method, path } = context.req;
    if (path.startsWith("/api/") || (method !== "GET" && method !== "HEAD")) {
      throw new FlowError("STUDIO_NOT_FOUND", `there is no ${method} ${path.slice(0, 200)}; see docs/studio.md`);
    }
    return sendPage(context, assets);
  });

  app.get("/api/info", (context) => {
    queryOf(context, queries.none);
    const { version, storeName: store, runs } = options;
    return context.json({ version, readOnly, store, runs, now: Date.now() } satisfies StudioInfo);
  });
  app.post("/api/session", async (context) => {
    const { token: given }: SessionRequest = await bodyOf(context, bodies.session);
    context.header("set-cookie", access.session(given));
    return context.body(null, 204);
  });
  app.get("/api/workers", async (context) => {
    queryOf(context, queries.none);
    const workers = await options.store.liveWorkers();
    const items = workers.map(({ id, types, capacity, running }) => ({ id, types, capacity, running }));
    return context.json({ items } satisfies WorkerList);
  });

  app.get("/api/tasks", async (context) => {
    const { cursor, limit, ...filter } = queryOf(context, queries.tasks);
    return context.json(await pageOfTasks(reading, filterOf(filter), { cursor, limit }));
  });
  app.get("/api/waiting", async (context) => {
    const { task: ids } = queryOf(context, queries.waiting);
    return context.json(await waitingTasks(reading, ids));
  });
  app.get("/api/stream", (context) => streams.ofList(context, filterOf(queryOf(context, queries.filter))));
  app.get("/api/tasks/:task", async (context) => {
    queryOf(context, queries.none);
    return context.json(await taskDetail(reading, idOf(context, "task")));
  });
  app.get("/api/tasks/:task/stream", async (context) => {
    queryOf(context, queries.none);
    return streams.ofTask(context, await readRecord(reading, idOf(context, "task")));
  });
  app.get("/api/tasks/:task/timeline", async (context) => {
    queryOf(context, queries.none);
    const record = await readRecord(reading, idOf(context, "task"));
    return context.json(timelineOf(record, await options.store.readShards(record.id), Date.now()));
  });
  app.get("/api/tasks/:task/events", async (context) => {
    const page = queryOf(context, queries.events);
    const record = await readRecord(reading, idOf(context, "task"));
    const events = eventPage(record, await options.store.readShards(record.id), page);
    if (events === undefined) throw new FlowError("STUDIO_REQUEST_INVALID", "cursor: is not a cursor of this list");
    return context.json(events);
  });
  app.get("/api/tasks/:task/nodes/:node", async (context) => {
    queryOf(context, queries.none);
    const nodeId = idOf(context, "node");
    const facts = await readFacts(reading, idOf(context, "task"));
    return context.json(await nodeDetail(reading, { facts, nodeId }, schemasOf(flows)));
  });
  app.get("/api/tasks/:task/nodes/:node/artifacts", async (context) => {
    const { cursor, limit } = queryOf(context, queries.artifacts);
    return context.json(await artifactPage(reading, await knownNode(context), { from: artifactPlace(cursor), limit }));
  });
  app.get("/api/tasks/:task/nodes/:node/failed-batches", async (context) => {
    const { cursor = "0", limit } = queryOf(context, queries.failedBatches);
    return context.json(await failedBatchPage(reading, await knownNode(context), { skip: Number(cursor), limit }));
  });
  app.get("/api/tasks/:task/nodes/:node/logs", async (context) => {
    const { cursor = "-1", limit } = queryOf(context, queries.logs);
    return context.json(await logPage(reading, await knownNode(context), { after: Number(cursor), limit }));
  });
  app.get("/api/tasks/:task/nodes/:node/lineage", async (context) => {
    const place = queryOf(context, queries.lineage);
    const { taskId, nodeId, graph } = await knownNode(context);
    return context.json(await lineageOf(reading, { taskId, graph }, { nodeId, ...place }));
  });

  app.get("/api/flows", async (context) => {
    queryOf(context, queries.none);
    return context.json(await listFlows(reading, flows));
  });
  app.get("/api/flows/:flow", async (context) => {
    queryOf(context, queries.none);
    return context.json(await flowDetail(reading, flows, idOf(context, "flow")));
  });
  for (const action of ["pause", "resume"] as const) {
    app.post(`/api/flows/:flow/${action}`, async (context) => {
      await bodyOf(context, bodies.nothing);
      const { name } = await flowDetail(reading, flows, idOf(context, "flow"));
      await client.flows[action](name);
      logger.info({ flow: name }, `studio: ${action} a flow`);
      return context.json({ outcome: "recorded" });
    });
  }

  app.post("/api/tasks", async (context) => {
    const request = await bodyOf(context, bodies.start);
    const started = await starter.start(definedRequest(request));
    logger.info({ ...started, flow: request.flow }, "studio: started a task");
    return context.json(started, 201);
  });
  for (const action of actionNames) {
    app.post(`/api/tasks/:task/${action}`, async (context) => {
      const taskId = idOf(context, "task");
      const request: CancelRequest = definedRequest(
        await bodyOf(context, action === "cancel" ? bodies.cancel : bodies.nothing),
      );
      const outcome = await actOn(reading, taskId, { action, ...request });
      logger.info({ taskId, ...outcome }, `studio: ${action} a task`);
      return context.json(outcome);
    });
  }
  app.post("/api/tasks/:task/retry", async (context) => {
    await bodyOf(context, bodies.nothing);
    const retryOf = idOf(context, "task");
    const started = await starter.retry(retryOf);
    logger.info({ ...started, retryOf }, "studio: retry a task");
    return context.json(started, 201);
  });
  app.post("/api/tasks/:task/nodes/:node/retry-batches", async (context) => {
    const request = await bodyOf(context, bodies.retryBatches);
    const { taskId: retryOf, nodeId } = await knownNode(context);
    const started = await starter.retryBatches(retryOf, nodeId, definedRequest(request));
    logger.info({ ...started, retryOf, nodeId }, "studio: retry failed batches");
    return context.json(started, 201);
  });
  app.post("/api/tasks/:task/nodes/:node/signal", async (context) => {
    const { payload }: SignalRequest = await bodyOf(context, bodies.signal);
    const { taskId, nodeId } = await knownNode(context);
    const outcome = await client.task(taskId).signal(nodeId, payload);
    logger.info({ taskId, nodeId, outcome }, "studio: signal");
    return context.json({ outcome });
  });

  return { app, streams };

  async function knownNode(context: Context) {
    const record = await readRecord(reading, idOf(context, "task"));
    const { node_id: nodeId } = nodeIn(record, idOf(context, "node"));
    return { taskId: record.id, nodeId, graph: record.graph };
  }
}

async function sendPage(context: Context, assets: Assets): Promise<Response> {
  const asset = await assets.get(context.req.path);
  if (asset === undefined) {
    const isPage = context.req.path === "/";
    const text = isPage
      ? "The page of the studio is not in this package. Build it: npm run build. The API is at /api/info."
      : "There is no such file. The studio is at /.";
    return context.text(`${text}\n`, 404);
  }
  context.header("content-type", asset.type);
  context.header("cache-control", asset.isImmutable ? "public, max-age=31536000, immutable" : "no-cache");
  context.header("vary", "accept-encoding");
  const isGzip = /\bgzip\b/.test(context.req.header("accept-encoding") ?? "");
  if (isGzip) context.header("content-encoding", "gzip");
  return context.body(new Uint8Array(isGzip ? asset.gzipped : asset.plain));
}

/** Without the keys whose value is undefined. */
type Defined<T> = { [TKey in keyof T]: Exclude<T[TKey], undefined> };
const definedRequest = <T extends object>(request: T): Defined<T> =>
  Object.fromEntries(Object.entries(request).filter(([, value]) => value !== undefined)) as Defined<T>;
