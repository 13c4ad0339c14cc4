import { nodeFindings } from "../../dsl/rules/loaded/check.ts";
import { type MadeBefore, misfitsWith } from "../../graph/diff.ts";
import { flowType, type Graph, validateGraph, workerTypes } from "../../graph/index.ts";
import type { Definitions } from "../loading/exported-flow.ts";
import { readAllDefinitions, readGraphFile } from "../loading/read-graph.ts";
import { CliError, exitCodes } from "../terminal/cli-error.ts";
import { counted, type Terminal } from "../terminal/terminal.ts";
import { type StoreAccess, withClient } from "./with-client.ts";

interface Finding {
  /** Absent if it concerns several nodes. */
  readonly nodeId?: string;
  readonly message: string;
}

interface CheckedTask {
  readonly taskId: string;
  readonly flow?: string;
  readonly findings: readonly Finding[];
}

/**
 * Prints which open tasks of a flow cannot continue with the flow's handlers in this file.
 *
 * @param place - a SQLite file, or the URL of a database
 */
export async function diffRunning(terminal: Terminal, file: string, place: string): Promise<void> {
  const source = await readGraphFile(file);
  if (source.kind !== "flow") {
    throw new CliError("CLI_USAGE", "--running requires a file with handlers", {
      hint: "Pass a module, not a JSON file.",
    });
  }
  const definitions = await readAllDefinitions([file]);
  const names = new Set([source.graph.name, ...Object.values(source.graph.flows ?? {}).map(({ name }) => name)]);
  const store = /^mongodb(\+srv)?:/.test(place) ? { mongo: place } : { store: place };
  const tasks = await withClient(terminal, store, (access) => checkTasks(access, definitions, names));
  const broken = tasks.filter(({ findings }) => findings.length > 0);
  if (broken.length > 0) terminal.exitCode = exitCodes.failed;
  if (terminal.isJson)
    return terminal.printJson({ compatible: broken.length === 0, checked: tasks.length, tasks: broken });
  for (const { taskId, findings } of broken) {
    terminal.print(`task ${taskId}`);
    for (const { nodeId, message } of findings) {
      const line = `  ! ${nodeId === undefined ? "" : `${nodeId}: `}${message}`;
      terminal.print(terminal.styled("red", line, terminal.stdout));
    }
  }
  const open = counted(tasks.length, "open task");
  terminal.note(
    broken.length === 0 ? `${open}, all of which can continue` : `${open}, of which ${broken.length} would fail`,
  );
}

async function checkTasks(
  { client, store }: StoreAccess,
  definitions: Definitions,
  names: ReadonlySet<string | undefined>,
): Promise<CheckedTask[]> {
  const checked: CheckedTask[] = [];
  const query = { status: ["running", "cancelling"], limit: 1_000, children: true } as const;
  for (let cursor: { cursor?: string } | undefined = {}; cursor !== undefined; ) {
    const page: Awaited<ReturnType<typeof client.list>> = await client.list({ ...query, ...cursor });
    for (const { id, name } of page.items) {
      if (!names.has(name)) continue;
      const task = await store.readTask(id);
      if (task === undefined) continue; // it was deleted meanwhile
      const { nodes } = await client.task(id).status();
      const made = new Map(
        nodes.flatMap(({ nodeId, startedAt, endedAt }) =>
          startedAt === undefined ? [] : [[nodeId, endedAt === undefined ? "some" : "all"] as const],
        ),
      );
      const ended = new Set(nodes.flatMap(({ nodeId, endedAt }) => (endedAt === undefined ? [] : nodeId)));
      const findings = findingsOf(task.graph, definitions, made).filter(({ nodeId = "" }) => !ended.has(nodeId));
      checked.push({ taskId: id, ...(name === undefined ? {} : { flow: name }), findings });
    }
    cursor = page.cursor === undefined ? undefined : { cursor: page.cursor };
  }
  return checked;
}

/**
 * Nodes whose type no longer exists, or whose arguments or data no longer fit their handler.
 *
 * @param made - by node, whether the earlier handlers have stored or are storing its output
 */
function findingsOf(
  graph: Graph,
  { handlers, adapters, fns }: Definitions,
  made: ReadonlyMap<string, MadeBefore>,
): readonly Finding[] {
  const needed = new Set(workerTypes(graph));
  const known = new Map(handlers.flatMap((handler) => (needed.has(handler.name) ? [[handler.name, handler]] : [])));
  const types = [...known.keys()];
  const gone = graph.nodes.flatMap(({ node_id: nodeId, type }) =>
    needed.has(type) && !known.has(type) && type !== flowType
      ? [{ nodeId, message: `there is no longer a handler '${type}'` }]
      : [],
  );
  const args = nodeFindings(graph, known).map(({ index, message }) => of(graph, index, message));
  const data = misfitsWith(graph, { handlers: [...known.values()], functions: fns, adapters }, (nodeId) =>
    made.get(nodeId),
  );
  const validation = validateGraph(graph, { types, handlers: [...known.values()], functions: fns, adapters });
  const unmade = validation.ok ? [] : validation.findings;
  const seen = new Set(args.map(({ message }) => message));
  return [
    ...gone,
    ...args,
    ...data.map(({ to: nodeId, message }) => ({ nodeId, message })),
    ...unmade.flatMap(({ code, path, message }) => {
      const index = path.match(/^\/nodes\/(\d+)\//)?.[1];
      // Data between nodes is checked above, by what they have stored; a missing type is reported once.
      if (index !== undefined && ownCodes.has(code)) return [];
      const finding = index === undefined ? { message } : of(graph, Number(index), message);
      return seen.has(finding.message) ? [] : [finding];
    }),
  ];
}

const ownCodes: ReadonlySet<string> = new Set(["GRAPH_EDGE_DATA", "GRAPH_UNKNOWN_TYPE"]);

/** Removes the node from the message, since it is printed before it. */
function of(graph: Graph, index: number, message: string): Finding {
  const nodeId = graph.nodes[index]?.node_id;
  return nodeId === undefined ? { message } : { nodeId, message: message.replace(`node '${nodeId}': `, "") };
}
