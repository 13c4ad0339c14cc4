export type { Bus, BusHealth, SubscribeOptions, Subscription, UndeliverableMessage } from "./bus.ts";
export type { ExternalRows, PlainRow, PlainRows, Stamped, UnreadableSource } from "./external-rows.ts";
export {
  artifactsDropped,
  type HandlerGate,
  type HeldSlot,
  minSweepMs,
  type Page,
  type PageRequest,
  type QueuedRef,
  type SlotLimit,
  type Store,
  type Tail,
  type WorkerStore,
  type WorkerTask,
} from "./store.ts";

/** Time as the engine knows it: a simulation has one that it runs itself. */
export interface Clock {
  /** Milliseconds since 1970: for people, never for decisions. */
  now(): number;
  /** Milliseconds that only grow. */
  monotonic(): number;
  /** Resolves after `ms`, or at once when the signal aborts. Never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Lets timers and I/O of this process have their turn. */
  yield(): Promise<void>;
}

/** Where new ids come from. */
export interface Ids {
  /** A new id, unique over all processes, without `:`. */
  next(): string;
}

/** Evenly drawn from [0, 1). A port, so that a simulation can draw the same again. */
export type Random = () => number;
export type { AttemptReport, ClaimInit, DispatchInit, NewArtifact, NewTask, WriteAnswer } from "../model/records.ts";
