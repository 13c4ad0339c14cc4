import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { SourceProvider } from "./api/queries.ts";
import { httpSource, RequestError } from "./api/source.ts";
import { App } from "./app.tsx";
import "./styles/index.css";

const client = new QueryClient({
  defaultOptions: {
    queries: {
      // The streams report when data is out of date.
      staleTime: Number.POSITIVE_INFINITY,
      refetchOnWindowFocus: false,
      // A rejected request would be rejected again; a server that is down may come back.
      retry: (count, error) => !(error instanceof RequestError) && count < 2,
    },
  },
});
const root = document.getElementById("root");
if (root === null) throw new Error("the page has no element #root");
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={client}>
      <SourceProvider value={httpSource()}>
        <App />
      </SourceProvider>
    </QueryClientProvider>
  </StrictMode>,
);
