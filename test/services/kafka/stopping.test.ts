import { Coordinator, memoryStore, Worker } from "flowkit/engine";
import { expect, onTestFinished, test } from "vitest";
import { MemoryState } from "../../../src/adapters/memory/index.ts";
import { graphOf, node } from "../../helpers/graphs.ts";
import { handler, numbers, source } from "../../helpers/handlers.ts";
import { RecordingLogger } from "../../helpers/recording-logger.ts";
import { needsServices } from "../services.ts";
import { openBus, uniquePrefix } from "./bus-tools.ts";

needsServices("kafka");

test("a stop logs no warning, in the stopped process or in others", async () => {
  const logger = new RecordingLogger();
  const prefix = uniquePrefix();
  const state = new MemoryState();
  const handlers = [source("read", numbers(5)), handler("keep")];
  const shared = () => ({ store: memoryStore({ state }), bus: openBus({ prefix, logger }), logger, handlers });
  const warnings: Error[] = [];
  const warned = (warning: Error) => void warnings.push(warning);
  process.on("warning", warned);
  onTestFinished(() => void process.off("warning", warned));

  const coordinators = [new Coordinator(shared()), new Coordinator(shared())] as const;
  const workers = [new Worker(shared()), new Worker(shared())] as const;
  for (const part of [...coordinators, ...workers]) await part.start();
  const graph = graphOf(node("read"), node("keep", ["read"]));
  expect(await (await coordinators[0].run(graph)).result()).toEqual({ keep: numbers(5) });
  const before = logger.lines.length; // new topics may cause warnings
  await workers[0].stop();
  await coordinators[1].stop();
  expect(await (await coordinators[0].run(graph)).result()).toEqual({ keep: numbers(5) });
  await workers[1].stop();
  await coordinators[0].stop();
  expect(logger.lines.slice(before).filter(({ level }) => level === "warn" || level === "error")).toEqual([]);
  expect(warnings).toEqual([]);
});
