import type { NodeDetail } from "../api/source.ts";
import { JsonTree } from "../ui/json-tree.tsx";

const names = { args: "Arguments", input: "Input", output: "Output", result: "Result" } as const;

export function Schemas({ node: { schemas } }: { readonly node: NodeDetail }) {
  const known = Object.entries(names).flatMap(([key, name]) => {
    const schema = schemas[key as keyof typeof names];
    return schema === undefined ? [] : [{ name, schema }];
  });
  if (known.length === 0) {
    return (
      <p className="muted">
        The graph of this run has no schemas: it was started from a graph that was compiled without them.
      </p>
    );
  }
  return known.map(({ name, schema }) => (
    <section key={name} className="section">
      <h3>{name}</h3>
      <JsonTree value={schema} />
    </section>
  ));
}
