import { useSyncExternalStore } from "react";

type State = "open" | "broken";

const streams = new Map<object, State>();
const listeners = new Set<() => void>();

/** @param state - `undefined`: the stream is closed */
export function reportConnection(stream: object, state: State | undefined): void {
  if (state === undefined) streams.delete(stream);
  else streams.set(stream, state);
  for (const listener of listeners) listener();
}

/** `lost` while a stream is broken, `live` while all are open; `idle` if nothing is being listened to. */
export type Connection = "live" | "lost" | "idle";

export const useConnection = (): Connection => useSyncExternalStore(subscribe, current);

function current(): Connection {
  const states = [...streams.values()];
  if (states.includes("broken")) return "lost";
  return states.length === 0 ? "idle" : "live";
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
