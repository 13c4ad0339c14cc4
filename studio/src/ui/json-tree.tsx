import { useState } from "react";
import { compact, plural } from "../format.ts";
import { Icon } from "./icon.tsx";

const pageSize = 100;
const longText = 600;

/** Any JSON as a tree: objects and lists open on demand, long lists page by page. Text is never interpreted as HTML. */
export function JsonTree({ value, open = true }: { readonly value: unknown; readonly open?: boolean }) {
  return (
    <div className="json">
      <Value value={value} open={open} />
    </div>
  );
}

interface ValueProps {
  readonly name?: string;
  readonly value: unknown;
  readonly open?: boolean;
}

function Value({ name, value, open = false }: ValueProps) {
  const label = name === undefined ? null : <span className="json-key">{name}: </span>;
  if (typeof value === "object" && value !== null) return <Branch label={label} value={value} open={open} />;
  return (
    <div className="json-row">
      {label}
      <Scalar value={value} />
    </div>
  );
}

function Branch(props: { readonly label: React.ReactNode; readonly value: object; readonly open: boolean }) {
  const { label, value } = props;
  const [open, setOpen] = useState(props.open);
  const [shown, setShown] = useState(pageSize);
  const isList = Array.isArray(value);
  const entries = Object.entries(value);
  if (entries.length === 0) {
    return (
      <div className="json-row">
        {label}
        {isList ? "[]" : "{}"}
      </div>
    );
  }
  const size = isList ? plural(entries.length, "# item", "# items") : plural(entries.length, "# key", "# keys");
  return (
    <div>
      <button type="button" className="json-toggle" aria-expanded={open} onClick={() => setOpen(!open)}>
        <Icon name="chevron" className={open ? "turned" : ""} />
        {label}
        {open ? null : <span className="json-preview">{compact(value, 80)}</span>}
        <span className="json-size">{size}</span>
      </button>
      {open ? (
        <div className="json-children">
          {entries.slice(0, shown).map(([key, child]) => (
            <Value key={key} name={key} value={child} open={entries.length === 1} />
          ))}
          {entries.length > shown ? (
            <button type="button" className="button quiet" onClick={() => setShown(shown + pageSize)}>
              {plural(entries.length, "Show more of # entry", "Show more of # entries")}
            </button>
          ) : null}
        </div>
      ) : null}
    </div>
  );
}

function Scalar({ value }: { readonly value: unknown }) {
  const [whole, setWhole] = useState(false);
  if (typeof value !== "string") return <span className={`json-${typeof value}`}>{String(value)}</span>;
  const isCut = !whole && value.length > longText;
  return (
    <span className="json-string">
      "{isCut ? `${value.slice(0, longText)}…` : value}"
      {isCut ? (
        <button type="button" className="button quiet" onClick={() => setWhole(true)}>
          {plural(value.length, "Show the # character", "Show all # characters")}
        </button>
      ) : null}
    </span>
  );
}
