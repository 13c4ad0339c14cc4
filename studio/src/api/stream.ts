import { reportConnection } from "./connection.ts";

const firstDelayMs = 500;
const longestDelayMs = 8_000;

/**
 * Listens to server-sent events until it is closed, or an event of `final` arrives. The browser reopens a broken
 * stream, but not one that was rejected, for example while a server starts: this function does.
 *
 * @returns a function that closes it
 */
export function openStream<TEvents extends object>(
  url: string,
  listeners: { readonly [TName in keyof TEvents]: (data: TEvents[TName]) => void },
  final: readonly (keyof TEvents & string)[],
): () => void {
  const key = {};
  let source: EventSource | undefined;
  let timer: number | undefined;
  let delayMs = firstDelayMs;

  const close = () => {
    window.clearTimeout(timer);
    source?.close();
    reportConnection(key, undefined);
  };
  const open = () => {
    source = new EventSource(url);
    source.onopen = () => {
      delayMs = firstDelayMs;
      reportConnection(key, "open");
    };
    source.onerror = () => {
      if (source?.readyState !== EventSource.CLOSED) return reportConnection(key, "broken");
      // The server rejected the stream, so the connection is not lost; other requests show the error.
      reportConnection(key, undefined);
      timer = window.setTimeout(open, delayMs);
      delayMs = Math.min(longestDelayMs, 2 * delayMs);
    };
    for (const name of Object.keys(listeners) as (keyof TEvents & string)[]) {
      source.addEventListener(name, (event: MessageEvent<string>) => {
        if (final.includes(name)) close();
        listeners[name](JSON.parse(event.data));
      });
    }
  };
  open();
  return close;
}
