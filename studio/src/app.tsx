import { type Query, useQueryClient } from "@tanstack/react-query";
import { lazy, type ReactNode, type RefObject, Suspense, useEffect, useRef } from "react";
import { useConnection } from "./api/connection.ts";
import { useInfo } from "./api/queries.ts";
import { RequestError } from "./api/source.ts";
import { hrefOf, useRoute } from "./router.ts";
import { RunsPage } from "./runs/runs-page.tsx";
import { SignIn } from "./sign-in.tsx";
import { ErrorBoundary } from "./ui/error-boundary.tsx";
import { Icon } from "./ui/icon.tsx";
import { Problem } from "./ui/problem.tsx";
import { Note } from "./ui/status.tsx";
import { ThemeButton } from "./ui/theme-button.tsx";
import { Toasts } from "./ui/toasts.tsx";

// The code that draws graphs is larger than the rest of the page, so the list of runs loads without it.
const RunPage = lazy(async () => ({ default: (await import("./run/run-page.tsx")).RunPage }));
const FlowsPage = lazy(async () => ({ default: (await import("./flows/flows-page.tsx")).FlowsPage }));
const FlowPage = lazy(async () => ({ default: (await import("./flows/flow-page.tsx")).FlowPage }));

export function App() {
  const { data: info, error, refetch } = useInfo();
  const [section = "runs"] = useRoute().path;
  if (error instanceof RequestError && error.status === 401) return <SignIn onSignedIn={() => void refetch()} />;
  return (
    <Shell section={section} store={info?.store}>
      {info?.readOnly ? (
        <Note tone="quiet" icon="info" className="banner">
          This studio is read-only: it shows runs, and starts or changes none.
        </Note>
      ) : null}
      <ConnectionBanner />
      {error === null ? (
        <ErrorBoundary key={section}>
          <Page />
        </ErrorBoundary>
      ) : (
        <Problem error={error} className="banner" />
      )}
    </Shell>
  );
}

function Page() {
  const { path } = useRoute();
  const [section = "runs", id] = path;
  return (
    <Suspense fallback={<p className="empty">Loading…</p>}>
      {section === "runs" && id === undefined ? <RunsPage /> : null}
      {section === "runs" && id !== undefined ? <RunPage key={id} id={id} /> : null}
      {section === "flows" && id === undefined ? <FlowsPage /> : null}
      {section === "flows" && id !== undefined ? <FlowPage key={id} name={id} /> : null}
      {section === "runs" || section === "flows" ? null : (
        <div className="empty">
          <h2>Page not found</h2>
          <a href={hrefOf(["runs"])}>Show the runs</a>
        </div>
      )}
    </Suspense>
  );
}

function Shell(props: {
  readonly section: string;
  /** Its display name. */
  readonly store: string | undefined;
  readonly children: ReactNode;
}) {
  const { section, store, children } = props;
  const main = useRef<HTMLElement>(null);
  useFocusAfterLinks(main);
  return (
    <div className="shell">
      <button type="button" className="skip button" onClick={() => main.current?.focus()}>
        Skip to the content
      </button>
      <header className="topbar">
        <a className="brand" href={hrefOf(["runs"])}>
          <Icon name="logo" />
          <span>FlowKit Studio</span>
        </a>
        <nav className="nav" aria-label="Pages">
          <NavLink to="runs" section={section} label="Runs" />
          <NavLink to="flows" section={section} label="Flows" />
        </nav>
        <div className="spacer" />
        {store === undefined ? null : (
          <span className="store truncate muted" title={`Store: ${store}`}>
            {store}
          </span>
        )}
        <Live />
        <ThemeButton />
      </header>
      <main className="main" ref={main} tabIndex={-1}>
        {children}
      </main>
      <Toasts />
    </div>
  );
}

/** Focuses the new page after a navigation: the link that had the focus may be gone with its page. */
function useFocusAfterLinks(main: RefObject<HTMLElement | null>): void {
  const path = useRoute().path.join("/");
  const before = useRef(path);
  useEffect(() => {
    const { activeElement, body } = document;
    // While the new page loads, React hides the old one.
    const isGone = activeElement === body || activeElement?.checkVisibility() === false;
    if (before.current !== path && isGone) main.current?.focus();
    before.current = path;
  }, [main, path]);
}

function NavLink({ to, section, label }: { readonly to: string; readonly section: string; readonly label: string }) {
  return (
    <a href={hrefOf([to])} aria-current={section === to ? "page" : undefined}>
      {label}
    </a>
  );
}

function Live() {
  const connection = useConnection();
  if (connection === "idle") return null;
  return (
    <span className={`live tone-${connection === "live" ? "finished" : "waiting"}`} data-connection={connection}>
      <span className="dot" aria-hidden="true" />
      <span className="label">{connection === "live" ? "Live" : "Reconnecting"}</span>
    </span>
  );
}

/** Queries whose data no stream reports, and failed ones. */
const isMissed = ({ queryKey: [kind], state }: Query): boolean =>
  state.status === "error" || kind === "info" || kind === "flows" || kind === "flow";

function ConnectionBanner() {
  const connection = useConnection();
  const client = useQueryClient();
  const before = useRef(connection);
  useEffect(() => {
    // The streams catch up on their own; other requests may have failed in the meantime.
    if (before.current === "lost" && connection === "live") void client.invalidateQueries({ predicate: isMissed });
    before.current = connection;
  }, [client, connection]);
  if (connection !== "lost") return null;
  return (
    <Note tone="waiting" icon="warning" className="banner" role="status">
      The server is not responding. This is the last known state; the page reconnects as soon as it can.
    </Note>
  );
}
