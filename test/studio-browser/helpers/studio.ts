import { inject, onTestFinished } from "vitest";
import { MemoryState, memoryBus, memoryStore } from "../../../src/adapters/memory/index.ts";
import type { FlowDefinition, HandlerDefinition } from "../../../src/definitions/index.ts";
import { createEngine, type Engine } from "../../../src/engine/engine.ts";
import type { Graph } from "../../../src/graph/index.ts";
import { openStudio, type Studio, type StudioOptions } from "../../../src/studio/serving/server.ts";
import type { StudioPlace } from "../../contract/studio/fixture.ts";
import { sharedBus } from "../../helpers/engines.ts";
import { RecordingLogger } from "../../helpers/recording-logger.ts";

export interface TestStudio {
  readonly engine: Engine;
  readonly url: string;
  /** Stops the server of the page, not the engine. */
  close(): Promise<void>;
  /** Starts it again, at the same address. */
  reopen(): Promise<void>;
}

interface BuiltFlow extends FlowDefinition {
  compile(options?: { readonly schemas: boolean }): Graph;
}

export interface TestStudioOptions extends Partial<Pick<StudioOptions, "readOnly" | "token">> {
  /** @defaultValue memory, with a bus */
  readonly place?: StudioPlace;
  readonly flows?: readonly BuiltFlow[];
  /** Handlers of graphs without a flow. */
  readonly handlers?: readonly HandlerDefinition[];
}

function memoryPlace(): StudioPlace {
  const [state, bus] = [new MemoryState(), sharedBus(memoryBus())];
  return { store: () => memoryStore({ state }), bus: () => bus };
}

/** An engine with the handlers of these flows, and a studio over its store that can start them. */
export async function testStudio({
  flows = [],
  handlers = [],
  place = memoryPlace(),
  ...options
}: TestStudioOptions = {}): Promise<TestStudio> {
  const logger = new RecordingLogger();
  const parts = () => ({ store: place.store(), ...(place.bus === undefined ? {} : { bus: place.bus() }), logger });
  const all = [...handlers, ...flows.flatMap((flow): readonly HandlerDefinition[] => Object.values(flow.handlers))];
  const engine = await createEngine({ ...parts(), handlers: all, keepAlive: true });
  const open = (port: number) =>
    openStudio({
      ...parts(),
      ...options,
      port,
      readOnly: options.readOnly ?? false,
      storeName: "test",
      version: "0.0.0",
      runs: "engine",
      adapters: [],
      fns: [],
      flows: flows.map((flow) => ({ flow, graph: flow.compile({ schemas: true }), file: "flows.ts" })),
      page: inject("studioPage"),
    });
  let studio: Studio | undefined = await open(0);
  const { url } = studio;
  const close = async () => {
    await studio?.close();
    studio = undefined;
  };
  onTestFinished(async () => {
    await close();
    await engine.stop();
  });
  return {
    engine,
    url,
    close,
    reopen: async () => {
      studio = await open(Number(new URL(url).port));
    },
  };
}
