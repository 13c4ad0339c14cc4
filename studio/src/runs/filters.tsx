import { useEffect, useMemo, useState } from "react";
import { useFlows } from "../api/queries.ts";
import type { TaskFilter } from "../api/source.ts";
import { navigate, type Route, withQuery } from "../router.ts";
import { Icon } from "../ui/icon.tsx";
import { StatusIcon } from "../ui/status.tsx";

const states = [
  { value: "", label: "All", stored: [] },
  { value: "running", label: "Running", stored: ["running", "cancelling", "paused"] },
  { value: "failed", label: "Failed", stored: ["failed"] },
  { value: "finished", label: "Finished", stored: ["finished"] },
  { value: "cancelled", label: "Cancelled", stored: ["cancelled"] },
] as const;

const minute = 60_000;
const spans = [
  { value: "", label: "Any time", ms: 0 },
  { value: "15m", label: "Last 15 minutes", ms: 15 * minute },
  { value: "1h", label: "Last hour", ms: 60 * minute },
  { value: "24h", label: "Last 24 hours", ms: 24 * 60 * minute },
  { value: "7d", label: "Last 7 days", ms: 7 * 24 * 60 * minute },
] as const;

const typingMs = 250;

/** The filter in the address of the page. */
export function useTaskFilter({ query }: Route): TaskFilter {
  const [flow, state, time, text, parent] = ["flow", "state", "time", "text", "of"].map((key) => query.get(key) ?? "");
  return useMemo(() => {
    const ms = spans.find(({ value }) => value === time)?.ms ?? 0;
    const stored = states.find(({ value }) => value === state)?.stored ?? [];
    return {
      ...(flow ? { flow } : {}),
      ...(stored.length > 0 ? { state: stored } : {}),
      ...(ms > 0 ? { since: Date.now() - ms } : {}),
      ...(text ? { text } : {}),
      ...(parent ? { children: parent } : {}),
    };
  }, [flow, state, time, text, parent]);
}

export function Filters({ route }: { readonly route: Route }) {
  const { data: flows } = useFlows();
  const state = route.query.get("state") ?? "";
  const set = (key: string) => (value: string) => navigate(withQuery(route, { [key]: value }), { replace: true });
  return (
    <search className="filters">
      <nav className="segments" aria-label="State">
        {states.map(({ value, label }) => (
          <a key={value} href={withQuery(route, { state: value })} aria-current={state === value ? "true" : undefined}>
            {value === "" ? null : <StatusIcon status={value} />}
            {label}
          </a>
        ))}
      </nav>
      <TextFilter text={route.query.get("text") ?? ""} onChange={set("text")} />
      <Choice
        label="Flow"
        value={route.query.get("flow") ?? ""}
        options={[
          { value: "", label: "Any flow" },
          ...(flows?.items ?? []).map(({ name }) => ({ value: name, label: name })),
        ]}
        onChange={set("flow")}
      />
      <Parent route={route} />
      <Choice label="Time" value={route.query.get("time") ?? ""} options={spans} onChange={set("time")} />
    </search>
  );
}

/** Shown if the list contains the child runs of another run. */
function Parent({ route }: { readonly route: Route }) {
  const parent = route.query.get("of");
  if (parent === null) return null;
  return (
    <a className="button" href={withQuery(route, { of: undefined })}>
      Started by the nodes of <code>{parent.slice(0, 8)}</code>
      <Icon name="close" />
      <span className="visually-hidden">Show all runs</span>
    </a>
  );
}

function TextFilter({ text, onChange }: { readonly text: string; readonly onChange: (text: string) => void }) {
  const [typed, setTyped] = useState(text);
  useEffect(() => setTyped(text), [text]);
  useEffect(() => {
    if (typed === text) return;
    const timer = window.setTimeout(() => onChange(typed), typingMs);
    return () => window.clearTimeout(timer);
  });
  return (
    <input
      className="input text-filter"
      type="search"
      aria-label="Find runs by id, flow, failure or key"
      placeholder="Find by id, flow, failure or key"
      maxLength={200}
      value={typed}
      onChange={(event) => setTyped(event.target.value)}
    />
  );
}

function Choice(props: {
  readonly label: string;
  readonly value: string;
  readonly options: readonly { readonly value: string; readonly label: string }[];
  readonly onChange: (value: string) => void;
}) {
  const { label, value, options, onChange } = props;
  return (
    <select className="select" aria-label={label} value={value} onChange={(event) => onChange(event.target.value)}>
      {options.map((option) => (
        <option key={option.value} value={option.value}>
          {option.label}
        </option>
      ))}
    </select>
  );
}
