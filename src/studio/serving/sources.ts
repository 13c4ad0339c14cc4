import { isTaskTerminal, type TaskSummary } from "../../core/model/records.ts";
import type { Graph } from "../../graph/index.ts";
import type { EdgeLive, NodeLive, TaskLive, TaskRow } from "../api.ts";
import type { Reading } from "../reading.ts";
import { readLive } from "../views/live.ts";
import { matches, rowOf, type TaskFilter } from "../views/task-list.ts";
import type { FeedMessage, FeedSource, Message } from "./feed.ts";

/** The state of one task. */
export class TaskSource implements FeedSource {
  readonly #reading: Reading;
  readonly #task: { readonly id: string; readonly graph: Graph };
  #live: TaskLive | undefined;

  constructor(reading: Reading, task: { readonly id: string; readonly graph: Graph }) {
    this.#reading = reading;
    this.#task = task;
  }

  async poll(): Promise<readonly Message[]> {
    const before = this.#live;
    const live = await readLive(this.#reading, this.#task.graph, this.#task.id);
    this.#live = live;
    if (before === undefined) return [];
    const nodes = changed(before.nodes, live.nodes, ({ nodeId }: NodeLive) => nodeId);
    const edges = changed(before.edges, live.edges, ({ from, to }: EdgeLive) => `${from}:${to}`);
    const isSame = JSON.stringify(rest(before)) === JSON.stringify(rest(live));
    if (isSame && nodes.length === 0 && edges.length === 0) return [];
    return [{ event: "change", data: { ...live, nodes, edges } satisfies TaskLive }];
  }

  snapshot(): Message {
    return { event: "snapshot", data: this.#live ?? {} };
  }

  end(): Message | undefined {
    const { at, endedAt } = this.#live ?? { at: 0 };
    return endedAt === undefined ? undefined : { event: "end", data: { at } };
  }
}

const rest = ({ at: _, nodes: __, edges: ___, ...others }: TaskLive) => others;

function changed<T>(before: readonly T[], after: readonly T[], keyOf: (item: T) => string): readonly T[] {
  const known = new Map(before.map((item) => [keyOf(item), JSON.stringify(timeless(item))]));
  return after.filter((item) => known.get(keyOf(item)) !== JSON.stringify(timeless(item)));
}

/** Ignores a running node's rate and times, which differ at each poll. */
const timeless = (item: unknown): unknown => {
  const { rate: _, explain = [], ...others } = item as { readonly rate?: number; readonly explain?: readonly string[] };
  return { ...others, explain: explain.map((text) => text.replaceAll(/\d+(?:\.\d+)? (?:s|min|h|d)\b/g, "")) };
};

/** How many of the newest tasks are watched, and how many open ones. */
const newest = 500;
const open = 1_000;

/** The tasks of the store, regardless of the filters of streams. */
export class ListSource implements FeedSource {
  readonly #reading: Reading;
  /** By id, as JSON. */
  #known: ReadonlyMap<string, string> | undefined;
  #openIds: readonly string[] = [];

  constructor(reading: Reading) {
    this.#reading = reading;
  }

  async poll(): Promise<readonly Message[]> {
    const { client, store } = this.#reading;
    const recent = await client.list({ limit: newest, children: true });
    const running = await client.list({ limit: open, children: true, status: ["running", "cancelling"] });
    const tasks = new Map<string, TaskSummary>([...recent.items, ...running.items].map((task) => [task.id, task]));
    const removed: string[] = [];
    // A task that has ended since it was listed may be too old to be among the newest.
    for (const id of this.#openIds.filter((each) => !tasks.has(each))) {
      const task = await store.readTask(id);
      if (task === undefined) removed.push(id);
      else tasks.set(id, { ...task, ...(task.graph.name === undefined ? {} : { name: task.graph.name }) });
    }
    const oldest = recent.cursor === undefined ? 0 : (recent.items.at(-1)?.createdAt ?? 0);
    const rows = [...tasks.values()].map(rowOf);
    const known = new Map(rows.map((row) => [row.id, JSON.stringify(row)]));
    const before = this.#known;
    this.#known = known;
    this.#openIds = rows.filter(({ state }) => state === "paused" || !isTaskTerminal(state)).map(({ id }) => id);
    if (before === undefined) return [];
    for (const [id, json] of before) {
      const { createdAt } = JSON.parse(json) as TaskRow;
      if (!known.has(id) && createdAt > oldest && !removed.includes(id)) removed.push(id);
    }
    const news = rows.filter(({ id }) => before.get(id) !== known.get(id));
    if (news.length === 0 && removed.length === 0) return [];
    return [{ event: "tasks", data: { at: Date.now(), changed: news, removed } }];
  }

  snapshot(): Message {
    return { event: "reset", data: { at: Date.now() } };
  }

  end(): undefined {}
}

/** The part of a message that passes a filter; `undefined` if nothing does. */
export function filtered(message: FeedMessage, filter: TaskFilter): FeedMessage | undefined {
  if (message.event !== "tasks") return message;
  const { at, changed, removed } = message.data as {
    readonly at: number;
    readonly changed: readonly TaskRow[];
    readonly removed: readonly string[];
  };
  const matching = changed.filter((row) => matches(row, filter));
  const gone = [...removed, ...changed.filter((row) => !matching.includes(row)).map(({ id }) => id)];
  if (matching.length === 0 && gone.length === 0) return undefined;
  return { ...message, data: { at, changed: matching, removed: gone } };
}
