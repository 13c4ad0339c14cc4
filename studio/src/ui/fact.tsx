import type { ReactNode } from "react";

/** A row of a list of facts, which is a `<dl className="facts">`. */
export function Fact({ name, children }: { readonly name: string; readonly children: ReactNode }) {
  return (
    <div className="fact">
      <dt>{name}</dt>
      <dd className="tabular">{children}</dd>
    </div>
  );
}
