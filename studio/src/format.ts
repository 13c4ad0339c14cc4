import type { Waiting } from "./api/source.ts";

/** "1,204". */
export const number = (value: number): string => value.toLocaleString("en-US");

/** A whole sentence, in which `#` stands for the number: not every language can assemble sentences from parts. */
export const plural = (count: number, one: string, many: string): string =>
  (count === 1 ? one : many).replaceAll("#", number(count));

/** "840 ms", "3.2 s", "4 min 12 s", "2 h 5 min", "3 d 4 h". */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  const [minutes, hours, days] = [Math.floor(ms / 60_000), Math.floor(ms / 3_600_000), Math.floor(ms / 86_400_000)];
  if (hours < 1) return `${minutes} min ${Math.floor((ms % 60_000) / 1_000)} s`;
  if (days < 1) return `${hours} h ${minutes % 60} min`;
  return `${days} d ${hours % 24} h`;
}

/** "12.4/s", or below one per second "6/min". */
export function rate(perSecond: number): string {
  if (perSecond === 0) return "0/s";
  if (perSecond < 1) return `${(perSecond * 60).toFixed(perSecond * 60 < 10 ? 1 : 0)}/min`;
  return `${perSecond < 100 ? perSecond.toFixed(1) : number(Math.round(perSecond))}/s`;
}

const two = (value: number): string => String(value).padStart(2, "0");

/** Local time: "14:03:21". */
export function clock(at: number): string {
  const date = new Date(at);
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** Local time: "14:03:21.042". */
export const clockMs = (at: number): string => `${clock(at)}.${String(at % 1_000).padStart(3, "0")}`;

/** Local time: "2026-11-30 14:03:21". */
export function dateTime(at: number): string {
  const date = new Date(at);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clock(at)}`;
}

/** "14:03:21", or with the date if that is another day than `today`, as `Date.toDateString` writes it. */
export function when(at: number, today: string): string {
  return new Date(at).toDateString() === today ? clock(at) : dateTime(at);
}

/** The value as one line of JSON, cut at `most` characters. */
export function compact(value: unknown, most = 120): string {
  const text = JSON.stringify(value) ?? "";
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

const waitingTexts = {
  signal: (node: string) => `Waiting for signal '${node}'`,
  signalUntil: (node: string, time: string) => `Waiting for signal '${node}' until ${time}`,
  time: (node: string, time: string) => `Waiting until ${time} to start '${node}'`,
  retry: (node: string, time: string) => `Waiting until ${time} to retry '${node}'`,
} as const;

/** What a run waits for: "Waiting for signal 'approve' until 14:03:21 · 2 other nodes wait too". */
export function waitingText({ for: what, nodeId, until, others }: Waiting, today: string): string {
  const kind = what === "signal" && until !== undefined ? "signalUntil" : what;
  const text = waitingTexts[kind](nodeId, until === undefined ? "" : when(until, today));
  return others === 0 ? text : `${text} · ${plural(others, "# other node waits too", "# other nodes wait too")}`;
}
