import { useState } from "react";
import { Icon } from "./icon.tsx";

/** @param props.label - names the text, such as "task id" */
export function Copy({ text, label }: { readonly text: string; readonly label: string }) {
  const [isCopied, setCopied] = useState(false);
  // The clipboard is only available in a secure context.
  if (navigator.clipboard === undefined) return null;
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
    window.setTimeout(() => setCopied(false), 1_500);
  };
  return (
    <button type="button" className="button quiet icon small" onClick={() => void copy()}>
      <Icon name={isCopied ? "finished" : "copy"} />
      <span className="visually-hidden">{isCopied ? `Copied the ${label}` : `Copy the ${label}`}</span>
    </button>
  );
}
