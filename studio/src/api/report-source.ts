import type { RunReport, StudioSource } from "./source.ts";

/** Reads from a report; rejects with a message for data that it does not contain. */
export function reportSource(report: RunReport): StudioSource {
  const { info, task, timeline, events, nodes } = report;
  const nodeOf = (nodeId: string) => {
    const node = nodes[nodeId];
    if (node === undefined) throw new Error(`This report has no details of node '${nodeId}'.`);
    return node;
  };
  const absent = async (): Promise<never> => {
    throw new Error("This is not part of the report.");
  };
  return {
    isReport: true,
    info: async () => info,
    task: async () => task,
    timeline: async () => timeline,
    events: async () => ({ items: events, cursor: "", hasMore: false }),
    node: async (_, nodeId) => {
      const { settings = [] } = task.graph.nodes.find(({ id }) => id === nodeId) ?? {};
      const live = task.live.nodes.find((node) => node.nodeId === nodeId);
      if (live === undefined) throw new Error(`This report has no state of node '${nodeId}'.`);
      return { ...nodeOf(nodeId).detail, settings, live };
    },
    artifacts: async (_, nodeId) => withoutCursor(nodeOf(nodeId).artifacts),
    failedBatches: async (_, nodeId) => withoutCursor(nodeOf(nodeId).failedBatches),
    logs: async (_, nodeId) => nodeOf(nodeId).logs,
    tasks: absent,
    waiting: absent,
    lineage: absent,
    flows: absent,
    flow: absent,
    post: absent,
    streamTasks: () => () => {},
    streamTask: () => () => {},
  };
}

function withoutCursor<T extends { readonly cursor?: string }>({ cursor: _, ...page }: T): Omit<T, "cursor"> {
  return page;
}
