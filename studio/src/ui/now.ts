import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import type { StudioInfo } from "../api/source.ts";

/**
 * The server's time: the browser's clock may be wrong. It changes every `everyMs` and not with each render, so that what
 * shows it is not drawn again meanwhile. Stands still in a report.
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
