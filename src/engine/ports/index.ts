export type { Bus, SubscribeOptions, Subscription } from "./bus.ts";
export type { Clock } from "./clock.ts";
export type { Ids } from "./ids.ts";
export type { Random } from "./random.ts";
export type {
  AttemptReport,
  DispatchInit,
  HeldSlot,
  NewArtifact,
  NewTask,
  Page,
  PageRequest,
  QueuedRef,
  SlotLimit,
  Store,
  Tail,
  WriteAnswer,
} from "./store.ts";
