import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { createContext, useContext, useEffect, useMemo, useSyncExternalStore } from "react";
import { joined } from "./live-logs.ts";
import { merged, type Samples, sampled } from "./live-task.ts";
import { RunList, type Runs } from "./run-list.ts";
import type { EventPage, LogPage, StudioSource, TaskDetail, TaskFilter, TaskLive } from "./source.ts";

const SourceContext = createContext<StudioSource | undefined>(undefined);
export const SourceProvider = SourceContext.Provider;

export function useSource(): StudioSource {
  const source = useContext(SourceContext);
  if (source === undefined) throw new Error("no SourceProvider above");
  return source;
}

export function useInfo() {
  const source = useSource();
  return useQuery({ queryKey: ["info"], queryFn: () => source.info() });
}

/** The runs that match; call `show` with the range of rows that is visible. */
export function useRuns(filter: TaskFilter): Runs & Pick<RunList, "show"> {
  const source = useSource();
  const text = JSON.stringify(filter);
  const open = () => new RunList(source, filter);
  // In the query cache, so that it is still there when the user returns to the page.
  const { data: list } = useQuery({ queryKey: ["runs", text], queryFn: open, initialData: open });
  useEffect(() => list.open(), [list]);
  const runs = useSyncExternalStore(list.subscribe, list.current);
  return useMemo(() => ({ ...runs, show: (first, last) => list.show(first, last) }), [runs, list]);
}

/** A task, with its latest state. */
export interface Task {
  readonly detail: TaskDetail;
  readonly live: TaskLive;
}

/** A busy task changes many times a second: data that is read in full is refreshed at this interval. */
const readAgainMs = 700;

const liveKey = (id: string) => ["live", id];
const samplesKey = (id: string) => ["samples", id];

/** Listens to a task's changes while it is shown. */
export function useTask(id: string): { readonly task?: Task; readonly error: Error | null } {
  const source = useSource();
  const client = useQueryClient();
  const { data: detail, error } = useQuery({ queryKey: ["task", id], queryFn: () => source.task(id) });
  const { data: streamed } = useQuery<TaskLive | null>({
    queryKey: liveKey(id),
    queryFn: () => client.getQueryData<TaskLive>(liveKey(id)) ?? null,
  });
  const isOpen = detail !== undefined && detail.live.endedAt === undefined;
  useEffect(() => {
    // A task that has ended does not change, and a stream of a task that does not exist would be rejected again and again.
    if (!isOpen) return;
    let timer: number | undefined;
    const readAgain = () => {
      timer = undefined;
      void client.invalidateQueries({ queryKey: ["of-task", id] }, { cancelRefetch: false });
    };
    const store = (live: TaskLive) => {
      client.setQueryData(liveKey(id), live);
      client.setQueryData<Samples>(samplesKey(id), (samples) => sampled(samples, live));
      timer ??= window.setTimeout(readAgain, readAgainMs);
    };
    const close = source.streamTask(id, {
      snapshot: store,
      change: (change) => store(merged(client.getQueryData<TaskLive>(liveKey(id)), change)),
      end: () => void client.invalidateQueries({ queryKey: ["of-task", id] }),
    });
    return () => {
      window.clearTimeout(timer);
      close();
    };
  }, [source, client, id, isOpen]);
  if (detail === undefined) return { error };
  const live = streamed != null && streamed.at >= detail.live.at ? streamed : detail.live;
  return { task: { detail, live }, error };
}

/** The counts since the page started to listen. */
export function useSamples(id: string): Samples | undefined {
  const client = useQueryClient();
  const { data } = useQuery<Samples | null>({
    queryKey: samplesKey(id),
    queryFn: () => client.getQueryData<Samples>(samplesKey(id)) ?? null,
  });
  return data ?? undefined;
}

// Refetched when the task changes; the cache does not start a second request while one is pending.

export function useTimeline(id: string) {
  const source = useSource();
  return useQuery({ queryKey: ["of-task", id, "timeline"], queryFn: () => source.timeline(id) });
}

export function useNode(id: string, nodeId: string) {
  const source = useSource();
  return useQuery({ queryKey: ["of-task", id, "node", nodeId], queryFn: () => source.node(id, nodeId) });
}

/** All events; `from` is the cursor of the last page, and `before` has the events of the other pages, which are read once. */
interface Events extends Pick<EventPage, "items"> {
  readonly before: EventPage["items"];
  readonly from: string | undefined;
}

export function useEvents(id: string) {
  const source = useSource();
  const client = useQueryClient();
  const queryKey = ["of-task", id, "events"];
  return useQuery({
    queryKey,
    queryFn: async (): Promise<Events> => {
      let { before, from }: Omit<Events, "items"> = client.getQueryData<Events>(queryKey) ?? {
        before: [],
        from: undefined,
      };
      for (;;) {
        const { items, cursor, hasMore } = await source.events(id, from);
        if (!hasMore) return { before, from, items: [...before, ...items] };
        before = [...before, ...items];
        from = cursor;
      }
    },
  });
}

export function useArtifacts(id: string, nodeId: string) {
  const source = useSource();
  return useInfiniteQuery({
    queryKey: ["of-task", id, "artifacts", nodeId],
    queryFn: ({ pageParam }) => source.artifacts(id, nodeId, pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ cursor }) => cursor,
  });
}

export function useFailedBatches(id: string, nodeId: string) {
  const source = useSource();
  return useInfiniteQuery({
    queryKey: ["of-task", id, "failed-batches", nodeId],
    queryFn: ({ pageParam }) => source.failedBatches(id, nodeId, pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ cursor }) => cursor,
  });
}

/** How often to poll for lines while the run is open: its stream does not report them. */
const logsMs = 1_000;

/** The newest log lines of a node, followed until its run has ended; each line is read once. */
export function useLogs(id: string, nodeId: string, { hasEnded }: { readonly hasEnded: boolean }) {
  const source = useSource();
  const client = useQueryClient();
  const queryKey = ["of-task", id, "logs", nodeId];
  return useQuery({
    queryKey,
    queryFn: async () => {
      let logs = client.getQueryData<LogPage>(queryKey);
      do logs = joined(logs, await source.logs(id, nodeId, logs?.cursor));
      while (logs.hasMore);
      return logs;
    },
    refetchInterval: hasEnded ? false : logsMs,
  });
}

export function useLineage(
  id: string,
  batch: { readonly nodeId: string; readonly shard: number; readonly seq: number },
) {
  const source = useSource();
  return useQuery({ queryKey: ["of-task", id, "lineage", batch], queryFn: () => source.lineage(id, batch) });
}

/** Flows have no stream, so pages about them poll. */
const flowsMs = 3_000;

/** @param options.isLive - polls, for a page that shows their state */
export function useFlows({ isLive = false }: { readonly isLive?: boolean } = {}) {
  const source = useSource();
  return useQuery({
    queryKey: ["flows"],
    queryFn: () => source.flows(),
    staleTime: 0,
    refetchInterval: isLive ? flowsMs : false,
  });
}

export function useFlow(name: string) {
  const source = useSource();
  return useQuery({
    queryKey: ["flow", name],
    queryFn: () => source.flow(name),
    staleTime: 0,
    refetchInterval: flowsMs,
  });
}
