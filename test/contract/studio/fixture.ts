import { expect } from "vitest";
import * as z from "zod";
import type { Bus, Store } from "../../../src/core/ports/index.ts";
import type { HandlerDefinition } from "../../../src/definitions/index.ts";
import { defineHandler, flow, param } from "../../../src/index.ts";
import type { Started, TaskDetail, TaskLive } from "../../../src/studio/api.ts";
import { testEngine } from "../../helpers/engines.ts";
import { type GivenFlow, type StreamedMessage, type TestStudio, testStudio } from "../../helpers/studio.ts";
import type { Gate } from "../../helpers/waiting.ts";

/** The store of one test. */
export interface StudioPlace {
  /** Connects one more process. */
  store(): Store;
  /** @defaultValue none: engines find new tasks by polling */
  bus?(): Bus;
}

/** Creates an empty store. */
export type NewPlace = () => StudioPlace;

/** An engine and studios, each connected like a separate process. */
export async function openPlace(place: StudioPlace, { flow: engineFlow }: GivenFlow) {
  const parts = () => ({ store: place.store(), ...(place.bus === undefined ? {} : { bus: place.bus() }) });
  const { engine } = await testEngine(Object.values(engineFlow.handlers) as HandlerDefinition[], parts());
  const studio = (given: readonly GivenFlow[] = []): Promise<TestStudio> => {
    const { store, ...bus } = parts();
    return testStudio(store, { given, runs: "engine", ...bus });
  };
  return { engine, studio };
}

export const numbers = defineHandler("numbers", {
  args: z.object({ count: z.int() }),
  output: z.object({ n: z.int() }),
  *iterBatches({ count }) {
    for (let n = 0; n < count; n++) yield { uid: `n${n}`, payload: { n } };
  },
});

/** Squares; the third fails unless `mended`, and `gate` blocks the others. */
export function squaresFlow(gate?: Gate, state = { mended: false }) {
  const square = defineHandler("square", {
    input: z.object({ n: z.int() }),
    output: z.object({ square: z.int() }),
    async processBatch({ n }, ctx) {
      if (n > 2) await gate?.pass(ctx.signal);
      if (n === 2 && !state.mended) throw new Error("<b>two</b> is not to be squared");
      return { square: n * n };
    },
  });
  const total = defineHandler("total", {
    input: z.object({ square: z.int() }),
    output: z.int(),
    processBatch: ({ square }) => square,
  });
  return {
    flow: flow("squares", { params: z.object({ count: z.int().min(1).default(5) }) })
      .node("numbers", numbers, { args: { count: param("count") } })
      .then("square", square, {
        startWhen: "first_batch",
        onBatchFailure: "setAside",
        retry: { max: 0 },
        maxPendingBatches: 100,
      })
      .then("total", total, { startWhen: "first_batch" }),
  };
}

const json = { "content-type": "application/json" };
export const post = (body: unknown) => ({ method: "POST", headers: json, body });

export const startTask = async (studio: TestStudio, request: object): Promise<string> => {
  const answer = await studio.ask("/api/tasks", post(request));
  expect(answer).toMatchObject({ status: 201 });
  return (answer.json as Started).taskId;
};
export const liveOf = async (studio: TestStudio, id: string): Promise<TaskLive> =>
  ((await studio.ask(`/api/tasks/${id}`)).json as TaskDetail).live;

/** The state of a page that follows a stream. */
export async function follow(messages: AsyncIterable<StreamedMessage>, isDone: (live: TaskLive) => boolean) {
  let live: TaskLive | undefined;
  const events: string[] = [];
  for await (const { event, data } of messages) {
    events.push(event);
    if (event === "end") break;
    const next = data as TaskLive;
    if (event === "snapshot") live = next;
    else if (live !== undefined) {
      const nodes = new Map([...live.nodes, ...next.nodes].map((node) => [node.nodeId, node]));
      const edges = new Map([...live.edges, ...next.edges].map((edge) => [`${edge.from} ${edge.to}`, edge]));
      live = { ...next, nodes: [...nodes.values()], edges: [...edges.values()] };
    }
    if (live !== undefined && isDone(live)) break;
  }
  if (live === undefined) throw new Error("there was no snapshot");
  return { live, events };
}
