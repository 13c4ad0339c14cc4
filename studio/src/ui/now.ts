import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import type { StudioInfo } from "../api/source.ts";

/** The server's time, every `everyMs`: the browser's clock may be wrong. Stands still in a report. */
export function useNow(everyMs = 1_000): number {
  const client = useQueryClient();
  const [, tick] = useState(0);
  const info = client.getQueryData<StudioInfo>(["info"]);
  const readAt = client.getQueryState(["info"])?.dataUpdatedAt ?? 0;
  useEffect(() => {
    const timer = window.setInterval(() => tick((count) => count + 1), everyMs);
    return () => window.clearInterval(timer);
  }, [everyMs]);
  return info === undefined ? Date.now() : info.now + (Date.now() - readAt);
}
