import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { memoryStore } from "../../../src/adapters/memory/index.ts";
import { openStudio } from "../../../src/studio/serving/server.ts";
import { RecordingLogger } from "../../helpers/recording-logger.ts";
import { testStudio } from "../../helpers/studio.ts";
import { tempFolder } from "../../helpers/temp-folder.ts";

const token = "a token that nobody guesses";
const json = { "content-type": "application/json" };
const refused = (status: number, code: string) => ({ status, json: { code, message: expect.any(String) } });

test.each([
  ["another name for this machine", { host: "rebound.example:4477" }],
  ["an address of the network", { host: "192.168.1.7:4477" }],
  ["a name that only begins like this machine", { host: "localhost.example" }],
  ["another origin", { origin: "https://evil.example" }],
  ["an origin that is not known", { origin: "null" }],
  ["another port of this machine", { origin: "http://127.0.0.1:1" }],
  ["another site", { "sec-fetch-site": "cross-site" }],
  ["another host of the same site", { "sec-fetch-site": "same-site" }],
  ["a proxy", { "x-forwarded-for": "203.0.113.7" }],
])("without a token, a request that names %s is refused", async (_, headers) => {
  const studio = await testStudio(memoryStore());
  expect(await studio.ask("/api/tasks", { headers })).toMatchObject(refused(403, "STUDIO_FORBIDDEN"));
});

test("a page of another site cannot send a form, and the page of a rebound name is not served", async () => {
  const studio = await testStudio(memoryStore());
  const form = { method: "POST", headers: { "content-type": "text/plain" }, body: '{"flow":"squares"}' };
  expect(await studio.ask("/api/tasks", form)).toMatchObject(refused(415, "STUDIO_REQUEST_INVALID"));
  expect(await studio.ask("/", { headers: { host: "rebound.example" } })).toMatchObject(
    refused(403, "STUDIO_FORBIDDEN"),
  );
  const own = { ...json, origin: studio.url.slice(0, -1), "sec-fetch-site": "same-origin" };
  const known = await studio.ask("/api/tasks", { method: "POST", headers: own, body: { flow: "x" } });
  expect(known).toMatchObject(refused(404, "STUDIO_NOT_FOUND")); // it was judged by its content
});

test("with a token, all of the API requires it, or the cookie of its session", async () => {
  const studio = await testStudio(memoryStore(), { token });
  for (const headers of [
    {},
    { authorization: "Bearer a token that somebody guessed" },
    { authorization: `Basic ${token}` },
    { cookie: "flowkit_studio_00000000=x" },
  ]) {
    expect(await studio.ask("/api/info", { headers })).toMatchObject(refused(401, "STUDIO_UNAUTHORIZED"));
    expect(await studio.ask("/api/stream", { headers })).toMatchObject(refused(401, "STUDIO_UNAUTHORIZED"));
  }
  expect(await studio.ask("/api/info", { headers: { authorization: `Bearer ${token}` } })).toMatchObject({
    status: 200,
  });

  const wrong = { headers: json, body: { token: "a token that somebody guessed" } };
  expect(await studio.ask("/api/session", wrong)).toMatchObject(refused(401, "STUDIO_UNAUTHORIZED"));
  const session = await studio.ask("/api/session", { headers: json, body: { token } });
  expect(session.status).toBe(204);
  const [cookie = ""] = session.headers["set-cookie"] ?? [];
  expect(cookie).toMatch(/^flowkit_studio_[0-9a-f]{8}=[\w-]{43}; HttpOnly; SameSite=Strict; Path=\/$/);
  const [pair = ""] = cookie.split(";");
  expect(await studio.ask("/api/info", { headers: { cookie: `other=1; ${pair}` } })).toMatchObject({ status: 200 });
  // A name of the network is fine then, but not another origin.
  const named = { cookie: pair, host: "studio.example", origin: "https://studio.example" };
  expect(await studio.ask("/api/info", { headers: named })).toMatchObject({ status: 200 });
  const crossing = { cookie: pair, origin: "https://evil.example" };
  expect(await studio.ask("/api/info", { headers: crossing })).toMatchObject(refused(403, "STUDIO_FORBIDDEN"));
  expect(JSON.stringify(studio.logger.lines)).not.toContain(token);
});

test.each(["0.0.0.0", "::", "192.0.2.1", "studio.example"])(
  "on %s, it does not start without a token",
  async (host) => {
    const options = {
      store: memoryStore(),
      logger: new RecordingLogger(),
      readOnly: true,
      storeName: "test",
      version: "0.0.0",
      runs: "nothing",
      flows: [],
      adapters: [],
      fns: [],
      port: 0,
      host,
    } as const;
    const refusal = { code: "STUDIO_TOKEN_REQUIRED" };
    await expect(openStudio(options)).rejects.toMatchObject(refusal);
    await expect(openStudio({ ...options, token: "short" })).rejects.toMatchObject(refusal);
  },
);

test("a read-only studio shows everything, and changes nothing", async () => {
  const studio = await testStudio(memoryStore(), { readOnly: true });
  expect(await studio.ask("/api/info")).toMatchObject({ status: 200, json: { readOnly: true } });
  expect(await studio.ask("/api/tasks")).toMatchObject({ status: 200 });
  for (const path of [
    "/api/tasks",
    "/api/tasks/x/cancel",
    "/api/tasks/x/pause",
    "/api/tasks/x/resume",
    "/api/tasks/x/retry",
    "/api/tasks/x/nodes/y/signal",
    "/api/tasks/x/nodes/y/retry-batches",
    "/api/flows/x/pause",
    "/api/flows/x/resume",
  ]) {
    expect(await studio.ask(path, { body: {}, headers: json })).toMatchObject(refused(403, "STUDIO_READ_ONLY"));
  }
});

test("every response forbids foreign scripts and frames, and type sniffing", async () => {
  const page = tempFolder();
  mkdirSync(join(page, "assets"));
  writeFileSync(join(page, "index.html"), "<!doctype html><title>page</title>");
  writeFileSync(join(page, "assets/main-abc.js"), "export {};".repeat(100));
  writeFileSync(join(page, "assets/secret.txt"), "no type, so it is not served");
  const studio = await testStudio(memoryStore(), { page });
  for (const path of ["/", "/assets/main-abc.js", "/nothing", "/api/info", "/api/nothing", "/api/tasks/unknown"]) {
    const { headers } = await studio.ask(path);
    expect(headers["content-security-policy"]).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self';/);
    expect(headers["content-security-policy"]).not.toContain("unsafe");
    expect(headers).toMatchObject({
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
      "referrer-policy": "no-referrer",
      "cross-origin-resource-policy": "same-origin",
    });
    if (path.startsWith("/api/")) {
      expect(headers).toMatchObject({ "cache-control": "no-store" });
      expect(headers["content-type"]).toMatch(/^application\/json/);
    }
  }
  expect(await studio.ask("/")).toMatchObject({ status: 200, text: "<!doctype html><title>page</title>" });
  const script = await studio.ask("/assets/main-abc.js", { headers: { "accept-encoding": "gzip" } });
  expect(script.headers).toMatchObject({
    "content-type": "text/javascript; charset=utf-8",
    "content-encoding": "gzip",
    "cache-control": "public, max-age=31536000, immutable",
  });
  for (const path of [
    "/assets/secret.txt",
    "/../package.json",
    "/%2e%2e/package.json",
    "/assets/%2e%2e%2findex.html",
    "/assets//main-abc.js",
  ]) {
    expect(await studio.ask(path)).toMatchObject({ status: 404, text: expect.stringContaining("no such file") });
  }
});

test("a package without the page says so", async () => {
  const studio = await testStudio(memoryStore());
  expect(await studio.ask("/")).toMatchObject({ status: 404, text: expect.stringContaining("npm run build") });
});
