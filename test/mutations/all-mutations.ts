import { backpressureMutations } from "./backpressure-mutations.ts";
import { clockMutations } from "./clock-mutations.ts";
import { coordinatorMutations } from "./coordinator-mutations.ts";
import { dropMutations } from "./drop-mutations.ts";
import { extensionMutations } from "./extension-mutations.ts";
import { limitMutations } from "./limit-mutations.ts";
import type { Mutation } from "./mutation.ts";
import { parallelMutations } from "./parallel-mutations.ts";
import { readerMutations } from "./reader-mutations.ts";
import { reportMutations } from "./report-mutations.ts";
import { retryMutations } from "./retry-mutations.ts";
import { sqliteMutations } from "./sqlite-mutations.ts";
import { storeMutations } from "./store-mutations.ts";
import { workerMutations } from "./worker-mutations.ts";

export interface MutationGroup {
  /** What of the engine is broken. */
  readonly title: string;
  readonly mutations: readonly Mutation[];
}

export const mutationGroups: readonly MutationGroup[] = [
  { title: "Records of the store", mutations: storeMutations },
  { title: "Coordinators", mutations: coordinatorMutations },
  { title: "Workers", mutations: workerMutations },
  { title: "Clocks, and what is due", mutations: clockMutations },
  { title: "Limits", mutations: limitMutations },
  { title: "Backpressure", mutations: backpressureMutations },
  { title: "Batches at once", mutations: parallelMutations },
  { title: "Checkpoints and progress", mutations: reportMutations },
  { title: "Retries of tasks, and deletes", mutations: retryMutations },
  { title: "Dropping what has been read", mutations: dropMutations },
  { title: "Readers", mutations: readerMutations },
  { title: "Code of users, and variables", mutations: extensionMutations },
  { title: "The SQLite store", mutations: sqliteMutations },
];

export const allMutations: readonly Mutation[] = mutationGroups.flatMap(({ mutations }) => mutations);
