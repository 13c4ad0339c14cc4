import { type IncomingMessage, request } from "node:http";
import { expect, onTestFinished } from "vitest";
import type { Store } from "../../src/core/ports/index.ts";
import type { UntypedFlow } from "../../src/core/tasks/api.ts";
import type { FlowDefinition } from "../../src/definitions/index.ts";
import type { CompileOptions } from "../../src/dsl/index.ts";
import type { Graph } from "../../src/graph/index.ts";
import { openStudio, type StudioOptions } from "../../src/studio/serving/server.ts";
import { RecordingLogger } from "./recording-logger.ts";

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly text: string;
  /** The body as JSON. */
  readonly json: never;
}

export interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text is sent unchanged, other values as JSON. */
  readonly body?: unknown;
}

export interface StreamedMessage {
  readonly id: string;
  readonly event: string;
  readonly data: never;
}

/** A separate connection for each request, so that none is left open. */
export function send(url: string, path: string, { method, headers = {}, body }: Asked = {}): Promise<IncomingMessage> {
  const sent = body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body);
  return new Promise((done, reject) => {
    const { hostname, port } = new URL(url);
    const asking = request({
      hostname,
      port,
      path,
      method: method ?? (sent === undefined ? "GET" : "POST"),
      agent: false,
      headers: { ...(sent === undefined ? {} : { "content-type": "application/json" }), ...headers },
    });
    asking.on("response", done);
    asking.on("error", reject);
    asking.end(sent);
  });
}

export interface TestStudio {
  readonly url: string;
  readonly logger: RecordingLogger;
  ask(path: string, asked?: Asked): Promise<Answer>;
  /** The messages of a stream, until the studio ends it or the caller stops. */
  stream(path: string, headers?: Readonly<Record<string, string>>): AsyncGenerator<StreamedMessage>;
}

/** Boxed, since a flow has a `.then` that a promise would call. */
export interface GivenFlow {
  readonly flow: Omit<FlowDefinition, "$infer" | "compile"> & { compile(options?: CompileOptions): Graph };
}

/** A studio that is closed at the end of the test, and fails it if it logged an error. */
export async function testStudio(
  store: Store,
  options: Partial<StudioOptions> & { readonly given?: readonly GivenFlow[] } = {},
): Promise<TestStudio> {
  const logger = new RecordingLogger();
  const { given = [], ...others } = options;
  const studio = await openStudio({
    store,
    logger,
    port: 0,
    readOnly: false,
    storeName: "test",
    version: "0.0.0",
    runs: "nothing",
    flows: given.map(({ flow }) => ({
      flow: flow as FlowDefinition<UntypedFlow>, // the studio does not know the types
      graph: flow.compile({ schemas: true }),
      file: "flow.ts",
    })),
    adapters: [],
    fns: [],
    page: "a folder that does not exist",
    ...others,
  });
  onTestFinished(async () => {
    await studio.close();
    expect(logger.lines.filter(({ level }) => level === "error")).toEqual([]);
  });
  return {
    url: studio.url,
    logger,
    async ask(path, asked) {
      const response = await send(studio.url, path, asked);
      let text = "";
      for await (const chunk of response.setEncoding("utf8")) text += chunk;
      const { statusCode: status = 0, headers } = response;
      const isJson = headers["content-type"]?.startsWith("application/json") === true;
      return { status, headers, text, json: (isJson ? JSON.parse(text) : undefined) as never };
    },
    async *stream(path, headers = {}) {
      const response = await send(studio.url, path, { headers });
      expect(response.headers["content-type"]).toBe("text/event-stream; charset=utf-8");
      let text = "";
      try {
        for await (const chunk of response.setEncoding("utf8")) {
          text += chunk;
          for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
            const fields = new Map(
              text
                .slice(0, end)
                .split("\n")
                .map((line) => line.split(/: (.*)/s) as [string, string]),
            );
            text = text.slice(end + 2);
            const event = fields.get("event");
            if (event === undefined) continue;
            yield { id: fields.get("id") ?? "", event, data: JSON.parse(fields.get("data") ?? "") as never };
          }
        }
      } finally {
        response.destroy();
      }
    },
  };
}
