import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import type { StudioInfo } from "../api/source.ts";

/**
 * The server's time: the browser's clock may be wrong. Changes every `everyMs` rather than on each render, so that
 * components that show it are not rendered more often. Constant in a report.
 */
export function useNow(everyMs = 1_000): number {
  const client = useQueryClient();
  const [now, setNow] = useState(() => serverTime(client));
  useEffect(() => {
    const timer = window.setInterval(() => setNow(serverTime(client)), everyMs);
    return () => window.clearInterval(timer);
  }, [client, everyMs]);
  return now;
}

function serverTime(client: QueryClient): number {
  const info = client.getQueryData<StudioInfo>(["info"]);
  const readAt = client.getQueryState(["info"])?.dataUpdatedAt ?? 0;
  return info === undefined ? Date.now() : info.now + (Date.now() - readAt);
}
