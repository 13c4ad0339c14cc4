import { createHmac } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { MemoryState, memoryStore } from "../../../src/adapters/memory/index.ts";
import { Webhook, type WebhookOptions } from "../../../src/cli/serving/webhook.ts";
import type { Engine } from "../../../src/engine/engine.ts";
import type { TaskEndEvents } from "../../../src/engine/lifecycle.ts";
import { PermanentError } from "../../../src/errors/index.ts";
import { cli, cliProject, startCli } from "../../helpers/cli.ts";
import { testEngine } from "../../helpers/engines.ts";
import { graphOf, node } from "../../helpers/graphs.ts";
import { handler, source } from "../../helpers/handlers.ts";
import { RecordingLogger } from "../../helpers/recording-logger.ts";
import { until } from "../../helpers/waiting.ts";

interface Received {
  readonly id: string;
  readonly isSigned: boolean;
  readonly body: {
    readonly type: string;
    readonly data: { readonly taskId: string; readonly failure?: { readonly message: string } };
  };
}
type Answer = (response: ServerResponse, count: number) => void;

const secret = "a secret of many letters";
const ok: Answer = (response) => void response.writeHead(204).end();

/** A receiver on this machine that checks signatures. */
async function receiver(answer: Answer = ok) {
  const received: Received[] = [];
  const server = createServer((request: IncomingMessage, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const text = Buffer.concat(chunks).toString();
      const { "webhook-id": id, "webhook-timestamp": time, "webhook-signature": signature } = request.headers;
      const mac = createHmac("sha256", secret).update(`${id}.${time}.${text}`).digest("base64");
      received.push({ id: String(id), isSigned: signature === `v1,${mac}`, body: JSON.parse(text) });
      answer(response, received.length);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { received, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hidden` };
}

/** A coordinator whose tasks the test ends. */
class Ends implements Pick<Engine, "on"> {
  readonly #listeners = new Map<string, (event: never) => unknown>();

  on = <TName extends keyof TaskEndEvents>(name: TName, listener: (event: TaskEndEvents[TName]) => unknown) => {
    this.#listeners.set(name, listener);
    return { [Symbol.dispose]() {} };
  };

  fail(taskId: string): void {
    const failure = { nodeId: "n", reasonCode: "broken", message: "no luck", stack: "at /home/ann/flow.ts" };
    this.#listeners.get("taskFailed")?.({ taskId, createdAt: 1, endedAt: 2, failure } as never);
  }

  finish(taskId: string): void {
    this.#listeners.get("taskFinished")?.({ taskId, createdAt: 1, endedAt: 2 } as never);
  }
}

async function started(url: string, more: Partial<WebhookOptions> = {}, state = new MemoryState()) {
  const logger = new RecordingLogger();
  const ends = new Ends();
  const options = { url, secret, backoffSec: 0.001, ...more };
  const webhook = new Webhook({ options, store: memoryStore({ state }), logger });
  onTestFinished(() => webhook.close(0));
  await webhook.start(ends);
  const logged = () => JSON.stringify(logger.lines);
  return { webhook, ends, logger, logged };
}

describe("a webhook", () => {
  test("sends a signed request for each event that it is set to, without stacks", async () => {
    const { received, url } = await receiver();
    const { webhook, ends, logged } = await started(url);
    ends.finish("fine");
    ends.fail("bad");
    ends.fail("bad"); // reported twice
    await webhook.close(60_000);
    expect(received).toEqual([
      {
        id: "bad_failed",
        isSigned: true,
        body: {
          type: "task.failed",
          timestamp: "1970-01-01T00:00:00.002Z",
          data: {
            taskId: "bad",
            createdAt: "1970-01-01T00:00:00.001Z",
            endedAt: "1970-01-01T00:00:00.002Z",
            failure: { nodeId: "n", reasonCode: "broken", message: "no luck" },
          },
        },
      },
    ]);
    expect(logged()).toBe("[]");
  });

  test("repeats a refused request under the same id, and follows no redirect", async () => {
    const { received, url } = await receiver((response, count) => {
      if (count === 1) response.writeHead(503).end("busy");
      else if (count === 2) response.writeHead(302, { location: "http://127.0.0.1:9/" }).end();
      else ok(response, count);
    });
    const { webhook, ends, logger } = await started(url);
    ends.fail("bad");
    await webhook.close(60_000);
    expect(received.map(({ id, isSigned }) => [id, isSigned])).toEqual(Array(3).fill(["bad_failed", true]));
    expect(logger.lines.map(({ fields }) => (fields as { problem: string }).problem)).toEqual([
      "status 503",
      "status 302",
    ]);
  });

  test("gives up after eight tries, and the log holds neither the URL nor the secret", async () => {
    const { received, url } = await receiver((response) => void response.writeHead(500).end());
    const { webhook, ends, logger, logged } = await started(url);
    ends.fail("bad");
    await webhook.close(60_000);
    expect(received).toHaveLength(8);
    expect(logger.lines.at(-1)).toMatchObject({ level: "error", message: "an alert was not delivered" });
    const gone = await started("http://127.0.0.1:1/hidden");
    gone.ends.fail("other");
    await gone.webhook.close(60_000);
    expect(gone.logger.lines.at(-1)?.fields).toMatchObject({ taskId: "other", tries: 8 });
    for (const text of [logged(), gone.logged()]) {
      expect(text).not.toContain("hidden");
      expect(text).not.toContain(secret);
    }
  });

  test("does not wait for a receiver that hangs, and other alerts do not wait for it", async () => {
    const { received, url } = await receiver((response, count) => {
      if (count > 1) ok(response, count);
    });
    const { webhook, ends, logger } = await started(url, { timeoutSec: 0.2 });
    ends.fail("first");
    await until(() => received.length === 1);
    ends.fail("second");
    await webhook.close(60_000);
    expect(received.map(({ id }) => id).toSorted()).toEqual(["first_failed", "first_failed", "second_failed"]);
    expect(logger.lines[0]?.fields).toMatchObject({ problem: "no answer within 0.2 s" });
  });

  test("stops in the middle of a hanging request, and says what is left", async () => {
    const { received, url } = await receiver(() => {});
    const { webhook, ends, logger } = await started(url);
    for (let n = 0; n < 6; n++) ends.fail(`task-${n}`);
    await until(() => received.length === 4); // at once
    await webhook.close(10);
    expect(logger.lines).toEqual([
      {
        level: "warn",
        fields: { alerts: 6 },
        message: "stopped before alerts were delivered; the next start repeats them",
      },
    ]);
    expect(received).toHaveLength(4);
  });

  test("reports at the start what ended before, such as in a process that crashed", async () => {
    const state = new MemoryState();
    const breaks = handler("breaks", {
      processBatch() {
        throw new PermanentError("broken", "no luck");
      },
    });
    const { engine } = await testEngine([source("src", [1]), breaks], { state });
    const task = await engine.run(graphOf(node("src"), node("breaks", ["src"])));
    await task.wait();
    await (await engine.run(graphOf(node("src")))).wait();
    const { received, url } = await receiver();
    const { webhook } = await started(url, {}, state);
    await webhook.close(60_000);
    expect(received.map(({ id, body }) => [id, body.data.failure?.message])).toEqual([
      [`${task.id}_failed`, "no luck"],
    ]);
    const none = await started(url, { replaySec: 0 }, state);
    await none.webhook.close(60_000);
    expect(received).toHaveLength(1);
  });
});

const failing = `
import { defineHandler, flow, PermanentError } from "flowkit";
import * as z from "zod";
const fails = defineHandler("fails", {
  output: z.int(),
  processBatch() {
    throw new PermanentError("broken", "no luck");
  },
});
export const bad = flow("bad").node("fails", fails);
`;

test("flowkit up alerts, with the URL and the secret from the environment", async () => {
  const { received, url } = await receiver();
  const cwd = cliProject({ "flow.ts": failing });
  const env = { FLOWKIT_WEBHOOK_URL: url, FLOWKIT_WEBHOOK_SECRET: secret };
  await cli(["tasks", "start", "flow.ts", "--store", "runs.db"], { cwd });
  const up = startCli(["up", "flow.ts", "--store", "runs.db"], { cwd, env });
  await until(() => received.length === 1);
  expect(received[0]).toMatchObject({ isSigned: true, body: { type: "task.failed", data: { flow: "bad" } } });
  up.child.kill("SIGTERM");
  const { exitCode, stderr } = await up.outcome;
  expect(exitCode).toBe(0);
  expect(stderr).not.toContain("hidden");
  const wrong = await cli(["up", "flow.ts", "--store", "runs.db"], { cwd, env: { FLOWKIT_WEBHOOK_URL: url } });
  expect(wrong.exitCode).toBe(2);
  expect(wrong.stderr).toContain("a webhook requires webhook.secret");
});
