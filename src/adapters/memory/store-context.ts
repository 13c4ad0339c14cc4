import type {
  Artifact,
  Attempt,
  Cause,
  ShardRecord,
  ShardRef,
  ShardStatus,
  TaskStatus,
  VarsRecord,
} from "../../core/model/records.ts";
import type { MemoryState } from "./memory-state.ts";

/** A write that took effect, told in the same step. */
export type MemoryStoreEvent =
  | { readonly kind: "task"; readonly taskId: string; readonly from: TaskStatus | "absent"; readonly to: TaskStatus }
  | { readonly kind: "vars"; readonly taskId: string; readonly vars: VarsRecord }
  | {
      readonly kind: "shard";
      readonly from: ShardStatus | "absent";
      readonly cause: Cause;
      /** As it is now. */
      readonly record: ShardRecord;
    }
  | { readonly kind: "renewed" | "restarted" | "reported"; readonly record: ShardRecord }
  | {
      readonly kind: "artifact";
      readonly ref: ShardRef;
      readonly generation: number;
      readonly artifact: Artifact;
    }
  | { readonly kind: "slots"; readonly key: string; readonly holders: readonly Attempt[] }
  | { readonly kind: "log_closed"; readonly ref: ShardRef; readonly generation: number; readonly count: number };

/** What the rooms of one memory store share. */
export interface StoreContext {
  readonly state: MemoryState;
  readonly now: () => number;
  readonly step: ((label: string) => Promise<void>) | undefined;
  readonly observe: ((event: MemoryStoreEvent) => void) | undefined;
  readonly keepFinishedTasks: number;
  readonly dropConsumed: boolean | "streaming";
  readonly sinks: ReadonlySet<string>;
}
