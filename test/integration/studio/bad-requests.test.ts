import { readFileSync } from "node:fs";
import { request } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import * as z from "zod";
import { sqliteStore } from "../../../src/adapters/sqlite/index.ts";
import { defineHandler, flow } from "../../../src/index.ts";
import { testEngine } from "../../helpers/engines.ts";
import { type Answer, type TestStudio, testStudio } from "../../helpers/studio.ts";
import { tempFolder } from "../../helpers/temp-folder.ts";

const given = {
  flow: flow("one", { params: z.object({ n: z.int() }) }).node(
    "only",
    defineHandler("only", { output: z.int(), iterBatches: () => [{ payload: 1 }] }),
  ),
};

/** A studio with one ended task. */
async function studioWithTask(): Promise<{ readonly studio: TestStudio; readonly id: string }> {
  const store = sqliteStore(join(tempFolder(), "runs.db"));
  const { engine } = await testEngine(Object.values(given.flow.handlers), { store });
  const studio = await testStudio(store, { given: [given] });
  const task = await engine.run(given.flow, { params: { n: 1 } });
  await task.wait();
  return { studio, id: task.id };
}

const reads = [
  "/api/info",
  "/api/workers",
  "/api/tasks",
  "/api/waiting",
  "/api/stream",
  "/api/tasks/TASK",
  "/api/tasks/TASK/stream",
  "/api/tasks/TASK/timeline",
  "/api/tasks/TASK/events",
  "/api/tasks/TASK/nodes/NODE",
  "/api/tasks/TASK/nodes/NODE/artifacts",
  "/api/tasks/TASK/nodes/NODE/failed-batches",
  "/api/tasks/TASK/nodes/NODE/logs",
  "/api/tasks/TASK/nodes/NODE/lineage",
  "/api/flows",
  "/api/flows/FLOW",
];
const writes = [
  "/api/session",
  "/api/tasks",
  "/api/tasks/TASK/cancel",
  "/api/tasks/TASK/pause",
  "/api/tasks/TASK/resume",
  "/api/tasks/TASK/retry",
  "/api/tasks/TASK/nodes/NODE/signal",
  "/api/tasks/TASK/nodes/NODE/retry-batches",
  "/api/flows/FLOW/pause",
  "/api/flows/FLOW/resume",
];

test("the documentation lists these routes, and no other", () => {
  const rows = readFileSync("docs/studio.md", "utf8").matchAll(/^\| `(GET|POST) (\S+)` \|/gm);
  const listed = [...rows].map(([, method, route]) => `${method} ${route}`);
  expect(listed.toSorted()).toEqual(
    [...reads.map((route) => `GET ${route}`), ...writes.map((route) => `POST ${route}`)].sort(),
  );
});

/** The answer names the mistake by a code, and reveals nothing about the inside of the server. */
function expectRefused(answer: Answer, what: string): void {
  expect(answer.status, `${what}: ${answer.text}`).toBeGreaterThanOrEqual(400);
  expect(answer.status, `${what}: ${answer.text}`).toBeLessThan(500);
  expect(answer.json, what).toEqual({ code: expect.stringMatching(/^[A-Z]+_[A-Z_]+$/), message: expect.any(String) });
  expect(answer.text, what).not.toMatch(/\bat .*[(/].*:\d+:\d+|node_modules|\.ts:\d/);
}

const filled = (route: string, ids: { task: string; node: string; flow: string }) =>
  route.replace("TASK", ids.task).replace("NODE", ids.node).replace("FLOW", ids.flow);

const badIds = [
  "%00",
  "%0a%0d",
  "a%2fb",
  "..%2f..%2fetc%2fpasswd",
  "%F0%9F%98%80",
  "%ff",
  "%",
  "%zz",
  "x".repeat(400),
  "__proto__",
  "constructor",
  "'%20or%201=1%20--",
  "%3Cscript%3E",
  "$ne",
];

test("ids that are not of a task, a node or a flow", { timeout: 600_000 }, async () => {
  const { studio, id } = await studioWithTask();
  for (const bad of badIds) {
    for (const route of [...reads, ...writes].filter((each) => /TASK|NODE|FLOW/.test(each))) {
      const body = writes.includes(route) ? { headers: { "content-type": "application/json" }, body: "{}" } : {};
      const query = route.endsWith("lineage") ? "?shard=0&seq=0" : "";
      const path = filled(route, { task: bad, node: "only", flow: bad });
      expectRefused(await studio.ask(`${path}${query}`, body), path);
      if (!route.includes("NODE")) continue;
      const inner = filled(route, { task: id, node: bad, flow: bad });
      expectRefused(await studio.ask(`${inner}${query}`, body), inner);
    }
  }
});

test("query parameters that no route has", { timeout: 600_000 }, async () => {
  const { studio, id } = await studioWithTask();
  const ids = { task: id, node: "only", flow: "one" };
  const queries = [
    "limit=0",
    "limit=201",
    "limit=1e1",
    "limit=-1",
    "limit=1&limit=2",
    "cursor=%00",
    "cursor=1;drop%20table",
    "unknown=1",
    "__proto__=1",
    "state=ended",
    "since=yesterday",
    "until=99999999999999999999",
    "text=%00",
    `text=${"x".repeat(300)}`,
    "shard=-1&seq=0",
    "shard=0&seq=1.5",
    "shard=0",
    "task=%00",
    `${"task=x&".repeat(100)}task=x`,
    "toString=1",
  ];
  for (const route of reads) {
    for (const query of queries) {
      const path = `${filled(route, ids)}?${query}`;
      expectRefused(await studio.ask(path), path);
    }
  }
});

test("bodies that no route accepts", { timeout: 600_000 }, async () => {
  const { studio, id } = await studioWithTask();
  const ids = { task: id, node: "only", flow: "one" };
  const bodies = [
    "",
    "{",
    "null",
    "[]",
    "1",
    '"text"',
    "{}}",
    '{"unknown":1}',
    '{"__proto__":{"x":1},"flow":1}',
    '{"token":1}',
    '{"flow":{"$ne":1}}',
    '{"uids":[]}',
    '{"uids":["only"],"x":1}',
    '{"reason":""}',
    `{"reason":"${"x".repeat(2_000)}"}`,
    `${"[".repeat(100_000)}`,
    '{"flow":"one","params":{"n":"text"}}',
    '{"flow":"one","priority":1000,"params":{"n":1}}',
    '{"flow":"one","params":[]}',
  ];
  for (const route of writes) {
    for (const body of bodies) {
      const what = `${route} ${body.slice(0, 50)}`;
      const headers = { "content-type": "application/json" };
      expectRefused(await studio.ask(filled(route, ids), { method: "POST", headers, body }), what);
    }
    const headers = { "content-type": "text/html" };
    expectRefused(await studio.ask(filled(route, ids), { method: "POST", headers, body: "{}" }), `${route} as HTML`);
  }
});

test("methods and paths that do not exist", async () => {
  const { studio, id } = await studioWithTask();
  const headers = { "content-type": "application/json" };
  for (const method of ["PUT", "DELETE", "PATCH", "OPTIONS"]) {
    for (const route of [...reads, ...writes]) {
      const path = filled(route, { task: id, node: "only", flow: "one" });
      expectRefused(await studio.ask(path, { method, headers }), `${method} ${path}`);
    }
  }
  for (const path of ["/api", "/api/", "/api//tasks", "/api/tasks/", "/api/tasks/x/y", "/API/info", "/api/info/"]) {
    expect((await studio.ask(path)).status, path).toBe(404);
  }
});

test("a body that is too long is not read to its end", async () => {
  const { studio } = await studioWithTask();
  const headers = { "content-type": "application/json" };
  const long = JSON.stringify({ flow: "x".repeat(1_100_000) });
  expect(await studio.ask("/api/tasks", { headers, body: long })).toMatchObject({
    status: 413,
    json: { code: "STUDIO_REQUEST_TOO_LARGE" },
  });
  // Without a length, and without an end.
  const { hostname, port } = new URL(studio.url);
  const status = await new Promise((done, reject) => {
    const asking = request({ hostname, port, path: "/api/tasks", method: "POST", agent: false, headers });
    asking.on("response", (response) => {
      done(response.statusCode);
      response.resume();
      asking.destroy();
    });
    asking.on("error", reject);
    for (let n = 0; n < 20; n++) asking.write("x".repeat(100_000));
  });
  expect(status).toBe(413);
});

test("requests that are not HTTP", async () => {
  const { studio } = await studioWithTask();
  const { hostname, port } = new URL(studio.url);
  for (const text of [
    "nonsense\r\n\r\n",
    "GET http://[ HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n",
    "GET /api/info HTTP/1.0\r\n\r\n", // names no host
    "GET /api/info HTTP/1.1\r\nhost: a b\r\n\r\n",
    "\0\0\0\r\n\r\n",
  ]) {
    const answer = await new Promise<string>((done, reject) => {
      const socket = connect(Number(port), hostname, () => socket.end(text));
      let all = "";
      socket.setEncoding("utf8").on("data", (chunk) => {
        all += chunk;
      });
      socket.on("error", reject).on("close", () => done(all));
    });
    expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
    expect(answer).not.toMatch(/node_modules|\.ts:\d/);
  }
  expect((await studio.ask("/api/info")).status).toBe(200);
});

test("drawn requests are answered or refused, and never fail the server", { timeout: 600_000 }, async () => {
  const { studio, id } = await studioWithTask();
  const part = fc.oneof(
    fc.constantFrom(...badIds, id, "only", "one", "tasks", "nodes", "api", "stream?", "cancel"),
    fc.string({ unit: "binary", maxLength: 20 }).map((text) => encodeURIComponent(text.toWellFormed())),
  );
  const drawn = fc.record({
    path: fc.oneof(
      fc.array(part, { maxLength: 6 }).map((parts) => `/api/${parts.join("/")}`),
      fc
        .tuple(fc.constantFrom(...writes, ...reads.filter((each) => !each.endsWith("stream"))), part, part)
        .map(([route, task, node]) => filled(route, { task, node, flow: task })),
    ),
    query: fc.array(fc.tuple(fc.constantFrom("limit", "cursor", "state", "text", "flow", "shard", "seq"), part), {
      maxLength: 3,
    }),
    method: fc.constantFrom("GET", "POST", "PUT"),
    body: fc.oneof(fc.json(), fc.string(), fc.constant("{}")),
  });
  await fc.assert(
    fc.asyncProperty(drawn, async ({ path, query, method, body }) => {
      const asked = query.length === 0 ? path : `${path}?${query.map(([key, value]) => `${key}=${value}`).join("&")}`;
      if (/[^\x21-\x7e]/.test(asked) || (method === "GET" && /\/stream\??$/.test(path))) return;
      const headers = { "content-type": "application/json" };
      const answer = await studio.ask(asked, method === "GET" ? {} : { method, headers, body });
      if (answer.status >= 400) expectRefused(answer, `${method} ${asked}`);
      else expect(answer.status).toBeLessThan(300);
    }),
    { numRuns: 300 },
  );
});
