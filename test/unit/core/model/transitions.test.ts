import { describe, expect, test } from "vitest";
import {
  type Cause,
  isShardTerminal,
  isTaskTerminal,
  type ShardStatus,
  type TaskStatus,
} from "../../../../src/core/model/records.ts";
import {
  checkShardTransition,
  checkTaskTransition,
  isShardTransition,
  isTaskTransition,
  shardTransitions,
  type TaskCause,
  taskTransitions,
} from "../../../../src/core/model/transitions.ts";
import { FlowError } from "../../../../src/errors/index.ts";

/** Written by hand, from the page about states. Every other transition is refused. */
const allowedShard = new Set([
  "absent queued dispatch",
  "absent deferred dispatch",
  "absent skipped skip",
  "failed failed close",
  "absent cancelled cancel",
  "queued running claim",
  "queued cancelled cancel",
  "queued deferred pause",
  "running running pause",
  "running running resume",
  "running finished complete",
  "running deferred fail",
  "running deferred release",
  "running deferred expire",
  "running failed fail",
  "running failed expire",
  "running queued expire",
  "running cancelling cancel",
  "deferred queued requeue",
  "deferred queued wake",
  "deferred deferred pause",
  "deferred deferred resume",
  "deferred cancelled cancel",
  "cancelling cancelled confirm_cancelled",
  "cancelling cancelled expire",
]);
const allowedTask = new Set([
  "absent running create",
  "running finished finish",
  "running cancelling fail",
  "running cancelling cancel",
  "cancelling failed close",
  "cancelling cancelled close",
]);

const shardStatuses = Object.keys(shardTransitions) as (ShardStatus | "absent")[];
const taskStatuses = Object.keys(taskTransitions) as (TaskStatus | "absent")[];
const causes: Cause[] = [
  "dispatch",
  "claim",
  "complete",
  "fail",
  "release",
  "requeue",
  "expire",
  "cancel",
  "confirm_cancelled",
  "skip",
  "close",
  "wake",
  "pause",
  "resume",
];
const taskCauses: TaskCause[] = ["create", "finish", "fail", "cancel", "close"];
const ref = { taskId: "t", nodeId: "clean", shard: 2 };

const shardMoves = shardStatuses.flatMap((from) =>
  shardStatuses.flatMap((to) => (to === "absent" ? [] : causes.map((cause) => ({ from, to, cause })))),
);
const taskMoves = taskStatuses.flatMap((from) =>
  taskStatuses.flatMap((to) => (to === "absent" ? [] : taskCauses.map((cause) => ({ from, to, cause })))),
);

describe("shard transitions", () => {
  test("exactly the allowed ones pass, of all pairs and causes", () => {
    expect(shardMoves).toHaveLength(9 * 8 * 14);
    const passed = shardMoves.filter(isShardTransition).map(({ from, to, cause }) => `${from} ${to} ${cause}`);
    expect(new Set(passed)).toEqual(allowedShard);
  });

  test("a refused one reports both statuses, its cause and the shard", () => {
    for (const move of shardMoves) {
      const check = () => checkShardTransition(ref, move);
      if (allowedShard.has(`${move.from} ${move.to} ${move.cause}`)) {
        expect(check).not.toThrow();
        continue;
      }
      let refused: unknown;
      try {
        check();
      } catch (error) {
        refused = error;
      }
      expect(FlowError.is(refused, "TRANSITION_REFUSED")).toBe(true);
      expect(refused).toMatchObject({ retryable: false, details: { ...ref, ...move } });
      for (const word of ["'t'", "'clean'", "shard 2", `'${move.from}'`, `'${move.to}'`, `'${move.cause}'`]) {
        expect(String(refused)).toContain(word);
      }
    }
  });

  test("no transition leaves a terminal status, and every other status can be left", () => {
    for (const from of shardStatuses) {
      const leaves = shardMoves.some((move) => move.from === from && move.to !== from && isShardTransition(move));
      expect(leaves).toBe(from === "absent" || !isShardTerminal(from));
    }
  });

  test("every status can be reached from absent, and a terminal one from every open status", () => {
    for (const start of shardStatuses) {
      const reached = reachable(start, shardMoves.filter(isShardTransition));
      if (start === "absent") expect(reached).toEqual(new Set(shardStatuses));
      expect([...reached].some((status) => status !== "absent" && isShardTerminal(status))).toBe(true);
    }
  });

  test("every way out of running that may run again leads through queued", () => {
    const back = shardMoves.filter(
      (move) => move.to === "running" && move.from !== "running" && isShardTransition(move),
    );
    expect(back.map(({ from }) => from)).toEqual(["queued"]);
  });
});

describe("task transitions", () => {
  test("exactly the allowed ones pass, of all pairs and causes", () => {
    const passed = taskMoves.filter(isTaskTransition).map(({ from, to, cause }) => `${from} ${to} ${cause}`);
    expect(new Set(passed)).toEqual(allowedTask);
  });

  test("a refused one reports both statuses, its cause and the task", () => {
    for (const move of taskMoves.filter((candidate) => !isTaskTransition(candidate))) {
      expect(() => checkTaskTransition("t", move)).toThrow(
        `task 't': '${move.cause}' cannot change its status from '${move.from}' to '${move.to}'`,
      );
    }
    expect(() => checkTaskTransition("t", { from: "running", to: "finished", cause: "finish" })).not.toThrow();
  });

  test("no transition leaves a terminal status", () => {
    for (const { from } of taskMoves.filter(isTaskTransition)) {
      expect(from !== "absent" && isTaskTerminal(from)).toBe(false);
    }
  });
});

function reachable<TStatus>(
  start: TStatus,
  moves: readonly { readonly from: TStatus; readonly to: TStatus }[],
): Set<TStatus> {
  const reached = new Set([start]);
  for (const status of reached) for (const move of moves) if (move.from === status) reached.add(move.to);
  return reached;
}
