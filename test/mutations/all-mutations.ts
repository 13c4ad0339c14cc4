import { asideMutations } from "./aside-mutations.ts";
import { backpressureMutations } from "./backpressure-mutations.ts";
import { carriedMutations } from "./carried-mutations.ts";
import { childMutations } from "./child-mutations.ts";
import { clockMutations } from "./clock-mutations.ts";
import { continuationMutations } from "./continuation-mutations.ts";
import { controlMutations } from "./control-mutations.ts";
import { coordinatorMutations } from "./coordinator-mutations.ts";
import { dropMutations } from "./drop-mutations.ts";
import { extensionMutations } from "./extension-mutations.ts";
import { limitMutations } from "./limit-mutations.ts";
import { mongoMutations } from "./mongo-mutations.ts";
import type { Mutation } from "./mutation.ts";
import { parallelMutations } from "./parallel-mutations.ts";
import { readerMutations } from "./reader-mutations.ts";
import { reportMutations } from "./report-mutations.ts";
import { retryMutations } from "./retry-mutations.ts";
import { scheduleMutations } from "./schedule-mutations.ts";
import { signalMutations } from "./signal-mutations.ts";
import { sqliteMutations } from "./sqlite-mutations.ts";
import { storeMutations } from "./store-mutations.ts";
import { whereMutations } from "./where-mutations.ts";
import { workerMutations } from "./worker-mutations.ts";

export interface MutationGroup {
  /** The part of the engine that is broken. */
  readonly title: string;
  readonly mutations: readonly Mutation[];
}

export const mutationGroups: readonly MutationGroup[] = [
  { title: "Store records", mutations: storeMutations },
  { title: "Coordinators", mutations: coordinatorMutations },
  { title: "Workers", mutations: workerMutations },
  { title: "The next node in the same slot", mutations: continuationMutations },
  { title: "Clocks and due times", mutations: clockMutations },
  { title: "Limits", mutations: limitMutations },
  { title: "Backpressure", mutations: backpressureMutations },
  { title: "Concurrent batches", mutations: parallelMutations },
  { title: "Batches set aside, time limits", mutations: asideMutations },
  { title: "Batches chosen by a pattern", mutations: whereMutations },
  { title: "Conditions, optional nodes, outcomes", mutations: controlMutations },
  { title: "Signals, delays and pauses", mutations: signalMutations },
  { title: "Checkpoints and progress", mutations: reportMutations },
  { title: "Task retries and deletion", mutations: retryMutations },
  { title: "Batches carried into a retry", mutations: carriedMutations },
  { title: "Flows run for each batch", mutations: childMutations },
  { title: "Dropping consumed artifacts", mutations: dropMutations },
  { title: "Readers", mutations: readerMutations },
  { title: "Schedules", mutations: scheduleMutations },
  { title: "User code and variables", mutations: extensionMutations },
  { title: "SQLite store", mutations: sqliteMutations },
  { title: "MongoDB store", mutations: mongoMutations },
];

export const allMutations: readonly Mutation[] = mutationGroups.flatMap(({ mutations }) => mutations);
