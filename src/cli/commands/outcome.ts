import type { TaskView } from "../../engine/api.ts";
import type { JsonObject } from "../../errors/index.ts";
import { exitCodes } from "../cli-error.ts";
import { wordsOf } from "../loading/find-file.ts";
import { ownFrame } from "../own-frame.ts";
import type { Terminal } from "../terminal.ts";

export interface RunOutcome {
  readonly view: TaskView;
  readonly result: JsonObject | undefined;
  /** Why there is no result. */
  readonly error: unknown;
  /** It was cancelled by Ctrl-C. */
  readonly wasInterrupted: boolean;
}

/** Prints how a run ended: its result, or why there is none. */
export function showOutcome(terminal: Terminal, outcome: RunOutcome): void {
  const { view, result, error, wasInterrupted } = outcome;
  if (terminal.isJson) terminal.printJson(outcomeJson(view, result));
  else if (error === undefined) terminal.printJson(result);
  else {
    const code = view.status === "cancelled" ? "TASK_CANCELLED" : "TASK_FAILED";
    terminal.note(`${terminal.styled(["red", "bold"], "error")} ${code}: ${wordsOf(error)}`);
    const frame = ownFrame(view.failure?.stack);
    if (frame !== undefined) terminal.note(`  ${frame}`);
  }
  if (error !== undefined) terminal.exitCode = wasInterrupted ? exitCodes.interrupted : exitCodes.failed;
}

/** A run as `--json` prints it. */
function outcomeJson(view: TaskView, result: RunOutcome["result"]): object {
  const { id, name, status, failure, cancelReason, nodes, createdAt, endedAt } = view;
  return {
    taskId: id,
    ...(name === undefined ? {} : { name }),
    status,
    ...(result === undefined ? {} : { result }),
    ...(failure === undefined ? {} : { failure }),
    ...(cancelReason === undefined ? {} : { cancelReason }),
    createdAt,
    ...(endedAt === undefined ? {} : { endedAt }),
    nodes: nodes.map(({ nodeId, type, status: state, batches, failures, metrics }) => ({
      nodeId,
      type,
      status: state,
      batches,
      failures,
      metrics,
    })),
  };
}
