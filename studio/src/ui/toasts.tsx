import { useSyncExternalStore } from "react";

const shownMs = 6_000;
let message = "";
let timer: number | undefined;
const listeners = new Set<() => void>();

/** Shows the outcome of an action, and announces it to screen readers. */
export function toast(text: string): void {
  message = text;
  window.clearTimeout(timer);
  if (text !== "") timer = window.setTimeout(() => toast(""), shownMs);
  for (const listener of listeners) listener();
}

export function Toasts() {
  const text = useSyncExternalStore(subscribe, () => message);
  return (
    <output className="toasts" aria-live="polite">
      {text === "" ? null : <span className="toast">{text}</span>}
    </output>
  );
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
