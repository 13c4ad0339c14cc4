export type { Bus, BusHealth, SubscribeOptions, Subscription, UndeliverableMessage } from "./bus.ts";
export type { Clock } from "./clock.ts";
export type { ForeignRows, Stamped, UnreadableSource } from "./foreign-rows.ts";
export type { Ids } from "./ids.ts";
export type { PlainRow, PlainRows } from "./plain-rows.ts";
export type { Random } from "./random.ts";
export {
  type AttemptReport,
  type DispatchInit,
  type HandlerGate,
  type HeldSlot,
  minSweepMs,
  type NewArtifact,
  type NewTask,
  type Page,
  type PageRequest,
  type QueuedRef,
  type SlotLimit,
  type Store,
  type Tail,
  type WorkerStore,
  type WorkerTask,
  type WriteAnswer,
} from "./store.ts";
