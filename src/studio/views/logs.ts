import type { LogPage as TaskLogPage } from "../../core/tasks/api.ts";
import type { LogPage } from "../api.ts";
import type { Reading } from "../reading.ts";

/**
 * What the handler of a node has logged, as far as it is kept.
 *
 * @param page.after - the number of the last line that is known; -1 before the first
 */
export async function logPage(
  { client }: Pick<Reading, "client">,
  { taskId, nodeId }: { readonly taskId: string; readonly nodeId: string },
  page: { readonly after: number; readonly limit: number },
): Promise<LogPage> {
  return viewLogs(await client.task(taskId).logs({ nodeId, ...page }));
}

/** The lines of one node. */
export function viewLogs({ lines, next, hasMore, dropped }: TaskLogPage): LogPage {
  return { items: lines.map(({ nodeId: _, ...line }) => line), cursor: String(next), hasMore, dropped };
}
