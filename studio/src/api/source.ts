import type {
  ApiError,
  ArtifactPage,
  EventPage,
  FailedBatchPage,
  FlowDetail,
  FlowList,
  Lineage,
  ListEvents,
  LogPage,
  NodeDetail,
  StudioInfo,
  TaskDetail,
  TaskEvents,
  TaskPage,
  Timeline,
  WaitingList,
} from "../../../src/studio/api.ts";
import { openStream } from "./stream.ts";

export type * from "../../../src/studio/api.ts";

/** Which tasks to list. Keys without a value do not filter. */
export interface TaskFilter {
  readonly flow?: string;
  readonly state?: readonly string[];
  readonly text?: string;
  readonly since?: number;
  readonly until?: number;
  /** Only the child tasks of this task. */
  readonly children?: string;
}

type Listeners<TEvents> = { readonly [TName in keyof TEvents]: (data: TEvents[TName]) => void };

/** The source of the data: a server, or the report that contains the page. */
export interface StudioSource {
  /** Nothing changes, and there are no actions. */
  readonly isReport: boolean;
  info(): Promise<StudioInfo>;
  tasks(filter: TaskFilter, cursor: string | undefined, signal: AbortSignal): Promise<TaskPage>;
  /** Those of these tasks that wait. */
  waiting(ids: readonly string[]): Promise<WaitingList>;
  task(id: string): Promise<TaskDetail>;
  timeline(id: string): Promise<Timeline>;
  events(id: string, cursor: string | undefined): Promise<EventPage>;
  node(id: string, nodeId: string): Promise<NodeDetail>;
  artifacts(id: string, nodeId: string, cursor: string | undefined): Promise<ArtifactPage>;
  failedBatches(id: string, nodeId: string, cursor: string | undefined): Promise<FailedBatchPage>;
  logs(id: string, nodeId: string, cursor: string | undefined): Promise<LogPage>;
  lineage(
    id: string,
    batch: { readonly nodeId: string; readonly shard: number; readonly seq: number },
  ): Promise<Lineage>;
  flows(): Promise<FlowList>;
  flow(name: string): Promise<FlowDetail>;
  /** @param path - below `/api` */
  post<TAnswer>(path: readonly string[], body: unknown): Promise<TAnswer>;
  /** @returns a function that closes the stream */
  streamTasks(filter: TaskFilter, listeners: Listeners<ListEvents>): () => void;
  streamTask(id: string, listeners: Listeners<TaskEvents>): () => void;
}

/** The server's answer to a request that it rejected. */
export class RequestError extends Error {
  readonly code: string;
  readonly status: number;

  constructor(status: number, { code, message }: ApiError) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

const pageSize = 200;

export function httpSource(): StudioSource {
  const task = (id: string, ...rest: readonly string[]) => ["tasks", id, ...rest];
  return {
    isReport: false,
    info: () => get(["info"]),
    tasks: (filter, cursor, signal) =>
      get(["tasks"], { ...entriesOf(filter), cursor, limit: String(pageSize) }, signal),
    waiting: (ids) => get(["waiting"], { task: ids }),
    task: (id) => get(task(id)),
    timeline: (id) => get(task(id, "timeline")),
    events: (id, cursor) => get(task(id, "events"), { cursor, limit: String(pageSize) }),
    node: (id, nodeId) => get(task(id, "nodes", nodeId)),
    artifacts: (id, nodeId, cursor) => get(task(id, "nodes", nodeId, "artifacts"), { cursor, limit: "25" }),
    failedBatches: (id, nodeId, cursor) => get(task(id, "nodes", nodeId, "failed-batches"), { cursor, limit: "25" }),
    logs: (id, nodeId, cursor) => get(task(id, "nodes", nodeId, "logs"), { cursor, limit: String(pageSize) }),
    lineage: (id, { nodeId, shard, seq }) =>
      get(task(id, "nodes", nodeId, "lineage"), { shard: String(shard), seq: String(seq) }),
    flows: () => get(["flows"]),
    flow: (name) => get(["flows", name]),
    post,
    streamTasks: (filter, listeners) => openStream(addressOf(["stream"], entriesOf(filter)), listeners, []),
    streamTask: (id, listeners) => openStream(addressOf(task(id, "stream"), {}), listeners, ["end"]),
  };
}

type QueryValues = Readonly<Record<string, string | readonly string[] | undefined>>;

function entriesOf({ since, until, ...rest }: TaskFilter): QueryValues {
  return {
    ...rest,
    since: since === undefined ? undefined : String(since),
    until: until === undefined ? undefined : String(until),
  };
}

function addressOf(path: readonly string[], query: QueryValues): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    for (const each of [value ?? []].flat()) if (each !== "") search.append(key, each);
  }
  const suffix = search.size === 0 ? "" : `?${search}`;
  return `/api/${path.map(encodeURIComponent).join("/")}${suffix}`;
}

async function get<TAnswer>(
  path: readonly string[],
  query: QueryValues = {},
  signal: AbortSignal | null = null,
): Promise<TAnswer> {
  return answerOf(await fetch(addressOf(path, query), { signal }));
}

async function post<TAnswer>(path: readonly string[], body: unknown): Promise<TAnswer> {
  const headers = { "content-type": "application/json" };
  return answerOf(await fetch(addressOf(path, {}), { method: "POST", headers, body: JSON.stringify(body) }));
}

async function answerOf<TAnswer>(response: Response): Promise<TAnswer> {
  const text = await response.text();
  if (response.ok) return (text === "" ? undefined : JSON.parse(text)) as TAnswer;
  throw new RequestError(response.status, errorIn(text) ?? unreadable(response));
}

function errorIn(text: string): ApiError | undefined {
  try {
    const { code, message } = JSON.parse(text) as Partial<ApiError>;
    return typeof code === "string" && typeof message === "string" ? { code, message } : undefined;
  } catch {
    return undefined;
  }
}

/** The answer of a proxy, such as one whose server is down. */
const unreadable = ({ status, statusText }: Response): ApiError => ({
  code: `HTTP_${status}`,
  message: `the server answered ${status} ${statusText}`.trimEnd(),
});
