import { dirname, relative, resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { Command } from "commander";
import { type SchemaMismatch, WireCodec } from "../../core/codec/index.ts";
import { AttemptError } from "../../core/model/attempt-error.ts";
import type { TaskRecord } from "../../core/model/records.ts";
import { failingInput } from "../../core/tasks/failed-batches.ts";
import { noSuchTask } from "../../core/tasks/task-reader.ts";
import { classifyFailure } from "../../core/worker/attempt/failure.ts";
import type { HandlerDefinition } from "../../definitions/index.ts";
import type { Json, JsonObject } from "../../errors/index.ts";
import { nearName } from "../../graph/format/near-name.ts";
import { type GraphNode, isWorkerType } from "../../graph/index.ts";
import { readingOf } from "../../studio/reading.ts";
import { handlerContext } from "../../testing/handler-context.ts";
import { type Definitions, exportedDefinitions } from "../loading/exported-flow.ts";
import { importModule, type ModuleExports } from "../loading/import-module.ts";
import type { StoreOptions } from "../settings/open-parts.ts";
import { CliError, exitCodes } from "../terminal/cli-error.ts";
import { terminalLogger } from "../terminal/logger.ts";
import { compactJson, type Terminal } from "../terminal/terminal.ts";
import { configOption, examples, jsonOption, mongoOption, storeOption, writeResult } from "./common.ts";
import { ownFrame } from "./report-error.ts";
import { type StoreAccess, withTask } from "./with-client.ts";

interface ReplayOptions extends StoreOptions {
  readonly node: string;
  readonly batch: string;
  readonly handlers: string;
  readonly inspect?: true;
  readonly asTest?: string;
  readonly force?: true;
}

export function addReplay(root: Command, terminal: Terminal): void {
  root
    .command("replay")
    .summary("run a handler again on a stored batch")
    .description(
      "Run the handler of a node in this process on the input of one of its batches, such as one that failed, and print its output or its error. Nothing is stored, but external effects of the handler are repeated, with the same idempotency key.",
    )
    .argument("<task>", "task id")
    .requiredOption("--node <node>", "node id")
    .requiredOption("--batch <uid>", "uid of the batch")
    .requiredOption("--handlers <file>", "file that exports the handler, or a flow with it")
    .option("--inspect", "wait for a debugger, and stop in the first line of the handler")
    .option("--as-test <file>", "run nothing: write a test for Vitest with the input")
    .option("--force", "overwrite the file of --as-test")
    .addOption(storeOption())
    .addOption(mongoOption())
    .addOption(configOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      examples(
        "replay 3f2a --node square --batch n13 --handlers flow.ts --store runs.db",
        "replay 3f2a --node square --batch n13 --handlers flow.ts --store runs.db --as-test square.test.ts",
      ),
    )
    .action(async (given: string, options: ReplayOptions) => {
      const exports = await importModule(options.handlers);
      const definitions = exportedDefinitions(exports, options.handlers);
      const found = await withTask(terminal, options, given, (access) => findBatch(access, options, definitions));
      if (options.asTest === undefined) return replay(terminal, found, options);
      const text = await testOf(found, { exports, file: options.handlers, target: options.asTest });
      writeResult(terminal, text, { file: options.asTest, overwrite: options.force === true });
    });
}

/** What a handler is called with. */
interface FoundBatch {
  readonly handler: HandlerDefinition;
  readonly taskId: string;
  readonly nodeId: string;
  readonly uid: string;
  readonly input: Json;
  /** As in the graph. */
  readonly args: JsonObject;
  readonly params: JsonObject;
  readonly vars: JsonObject;
}

async function findBatch(
  access: StoreAccess & { readonly id: string },
  { node: nodeId, batch: uid, handlers: file }: ReplayOptions,
  { handlers, adapters }: Definitions,
): Promise<FoundBatch> {
  const { store, id: taskId } = access;
  const record = await store.readTask(taskId);
  if (record === undefined) throw noSuchTask(taskId);
  const node = nodeOf(record, nodeId);
  const handler = handlers.find(({ name }) => name === node.type);
  if (handler === undefined) {
    throw new CliError("CLI_NO_HANDLERS", `${file} exports no handler '${node.type}', which node '${nodeId}' runs`, {
      hint: `It exports ${handlers.map(({ name }) => name).join(", ")}.`,
    });
  }
  if (handler.processBatch === undefined) {
    throw new CliError("CLI_USAGE", `the handler '${node.type}' processes no batches: it has no processBatch`);
  }
  const { input_adapter: _, input_args: __, ...args } = node.io?.input_inline ?? {};
  const input = await inputOf(access, { nodeId, uid, adapters });
  const vars = (await store.readVars(taskId))?.vars ?? {};
  return { handler, taskId, nodeId, uid, input, args: args as JsonObject, params: record.params, vars };
}

/** Read from the node's log if the batch was set aside; otherwise rebuilt from the logs of the node's sources. */
async function inputOf(
  { client, store, id: taskId }: StoreAccess & { readonly id: string },
  { nodeId, uid, adapters }: Pick<FoundBatch, "nodeId" | "uid"> & Pick<Definitions, "adapters">,
): Promise<Json> {
  for await (const batch of client.failedBatches(taskId, nodeId)) {
    if (batch.uid === uid && batch.input !== undefined) return batch.input;
  }
  const found = await failingInput(readingOf(client, store, adapters).input, { taskId, nodeId, uid });
  if ("input" in found) return found.input;
  throw new CliError("CLI_USAGE", `the input of batch '${uid}' of node '${nodeId}' is not known: ${found.missing}`);
}

function nodeOf({ id, graph: { nodes } }: TaskRecord, nodeId: string): GraphNode {
  const node = nodes.find((each) => each.node_id === nodeId);
  const ids = nodes.map((each) => each.node_id);
  if (node === undefined) {
    const near = nearName(nodeId, ids);
    throw new CliError("CLI_USAGE", `task ${id} has no node '${nodeId}'`, {
      hint: near === undefined ? `Its nodes: ${ids.join(", ")}` : `Did you mean '${near}'?`,
    });
  }
  if (isWorkerType(node.type)) return node;
  throw new CliError("CLI_USAGE", `node '${nodeId}' is not run by a handler`);
}

async function replay(terminal: Terminal, batch: FoundBatch, { inspect }: ReplayOptions): Promise<void> {
  const { handler, taskId, nodeId, uid, params, vars } = batch;
  let services: unknown;
  let isSetUp = false;
  let debugging: { disconnect(): void } | undefined;
  const base = handlerContext({
    taskId,
    nodeId,
    uid,
    params,
    vars: async () => vars,
    logger: terminalLogger(terminal),
  });
  try {
    const { args, payload } = await decoded(batch);
    services = await handler.setup?.();
    isSetUp = true;
    const context = { ...base, args, services };
    const loaded = await handler.loadInput?.(args, context);
    if (inspect === true) debugging = await debugCall(handler.processBatch);
    const output = await handler.processBatch?.(payload, { ...context, loaded });
    const stored = await orMismatch("the output", () => new WireCodec(handler.output).encode(output));
    if (terminal.isJson) terminal.printJson({ taskId, nodeId, uid, output: stored, metrics: base.measured });
    else terminal.print(JSON.stringify(stored));
  } catch (error) {
    showFailure(terminal, batch, error);
  } finally {
    debugging?.disconnect();
    await base.cleanUp();
    if (isSetUp) await handler.teardown?.(services);
  }
}

async function decoded({
  handler,
  args,
  input,
}: FoundBatch): Promise<{ readonly args: unknown; readonly payload: unknown }> {
  const { args: argsSchema, input: inputSchema } = handler;
  return {
    args:
      argsSchema === undefined ? args : await orMismatch("the arguments", () => new WireCodec(argsSchema).decode(args)),
    payload:
      inputSchema === undefined ? input : await orMismatch("the input", () => new WireCodec(inputSchema).decode(input)),
  };
}

async function orMismatch<T>(what: string, convert: () => T | Promise<T>): Promise<T> {
  try {
    return await convert();
  } catch (error) {
    const { name, message } = error as SchemaMismatch;
    if (name !== "SchemaMismatch" && name !== "NotJsonError") throw error;
    throw new AttemptError("schema_mismatch", `${what} do not match the schema: ${message}`, { cause: error });
  }
}

function showFailure(terminal: Terminal, { handler, taskId, nodeId, uid }: FoundBatch, error: unknown): void {
  const attempt = { taskId, nodeId, shard: 0, epoch: 1, claimId: "" };
  const { failure } = classifyFailure({ error, attempt, at: { batchUid: uid }, handler });
  const { reasonCode, message, stack } = failure;
  terminal.exitCode = exitCodes.failed;
  if (terminal.isJson) {
    terminal.printJson({
      taskId,
      nodeId,
      uid,
      failure: { reasonCode, message, ...(stack === undefined ? {} : { stack }) },
    });
    return;
  }
  terminal.note(`${terminal.styled(["red", "bold"], "failed")} ${reasonCode}: ${message}`);
  const frame = ownFrame(stack);
  if (frame !== undefined) terminal.note(`  ${frame}`);
}

/** Waits for a debugger, on this machine only, and stops it in the first line of `code`. Node prints the address. */
async function debugCall(code: unknown): Promise<{ disconnect(): void }> {
  const { open, Session, url, waitForDebugger } = await import("node:inspector/promises");
  if (url() === undefined) open(0, "127.0.0.1", true);
  else waitForDebugger();
  // The protocol can only look up objects by expressions.
  const session = new Session();
  session.connect();
  const name = "flowkit: the handler";
  Object.assign(globalThis, { [name]: code });
  await session.post("Debugger.enable");
  const { result } = await session.post("Runtime.evaluate", { expression: `globalThis[${JSON.stringify(name)}]` });
  await session.post("Debugger.setBreakpointOnFunctionCall" as never, { objectId: result.objectId } as never);
  Reflect.deleteProperty(globalThis, name);
  return session; // its end removes the breakpoint
}

/** A test that fails as long as the handler does, and then records its output as a snapshot. */
async function testOf(
  batch: FoundBatch,
  { exports, file, target }: { readonly exports: ModuleExports; readonly file: string; readonly target: string },
): Promise<string> {
  const { handler, taskId, nodeId, uid, input, args, params } = batch;
  const { name, code } = handlerIn(exports, handler, file);
  const from = moduleFrom(target, file);
  const { args: decodedArgs, payload } = await decoded(batch);
  // A decoded value, such as a date, may not be JSON.
  const codeOf = (part: "args" | "input", json: Json, value: unknown): string =>
    isDeepStrictEqual(json, value) ? literal(json) : `z.decode(${code}.${part}!, ${literal(json)})`;
  const shown = { args: codeOf("args", args, decodedArgs), input: codeOf("input", input, payload) };
  const needsZod = Object.values(shown).some((text) => text.startsWith("z.decode("));
  const context = [
    `    taskId: ${literal(taskId)},`,
    `    nodeId: ${literal(nodeId)},`,
    `    uid: ${literal(uid)},`,
    ...(Object.keys(args).length === 0 ? [] : [`    args: ${shown.args},`]),
    ...(Object.keys(params).length === 0 ? [] : [`    params: ${literal(params)},`]),
    ...(handler.setup === undefined ? [] : ["    services: undefined, // pass fakes of what its setup returns"]),
  ];
  return `import { handlerContext } from "flowkit/testing";
import { expect, test } from "vitest";
${needsZod ? 'import * as z from "zod";\n' : ""}import { ${name} } from ${literal(from)};

// Written by \`flowkit replay\`: the input of a batch of task ${taskId}.
test(${literal(`${nodeId}: batch ${uid}`)}, async () => {
  const ctx = handlerContext({
${context.join("\n")}
  });
  const output = await ${code}.processBatch?.(${indented(shown.input)}, ctx);
  expect(output).toMatchInlineSnapshot(); // written by Vitest once the handler returns
});
`;
}

const indented = (text: string): string => text.replaceAll("\n", "\n  ");

/** JSON as source code, where a key `__proto__` would set the prototype. */
function literal(value: Json): string {
  const text = compactJson(value);
  return text.includes('"__proto__"') ? `JSON.parse(${JSON.stringify(JSON.stringify(value))})` : text;
}

interface HandlerCode {
  /** What is imported. */
  readonly name: string;
  /** The handler, as code. */
  readonly code: string;
}

function handlerIn(exports: ModuleExports, handler: HandlerDefinition, file: string): HandlerCode {
  for (const [key, value] of Object.entries(exports)) {
    const [name, local] = key === "default" ? ["default as exported", "exported"] : [key, key];
    if (value === handler) return { name, code: local };
    const inner = (value as { readonly handlers?: unknown } | null)?.handlers;
    if (typeof inner === "object" && inner !== null && Object.values(inner).includes(handler)) {
      return { name, code: `${local}.handlers[${literal(handler.name)}]!` };
    }
  }
  throw new CliError("CLI_NO_HANDLERS", `${file} exports the handler '${handler.name}' inside another value only`, {
    hint: "Export the value that defineHandler() returns, or the flow.",
  });
}

function moduleFrom(target: string, file: string): string {
  const path = relative(dirname(resolve(target)), resolve(file)).replaceAll("\\", "/");
  return path.startsWith(".") ? path : `./${path}`;
}
