import type { GraphNodeView, GraphView } from "../api/source.ts";
import { Icon } from "../ui/icon.tsx";
import { Region } from "../ui/region.tsx";

/** What a node of a graph does, in words. */
export function NodeSettings(props: {
  readonly node: GraphNodeView;
  readonly graph: GraphView;
  readonly linkTo: (nodeId: string) => string;
  readonly onClose: () => void;
}) {
  const { node, graph, linkTo, onClose } = props;
  const { id, type, settings, optional } = node;
  const parents = graph.edges.filter(({ to }) => to === id);
  const children = graph.edges.filter(({ from }) => from === id);
  return (
    <aside className="node-panel" aria-label={`Node ${id}`}>
      <header className="page-head">
        <h2 className="truncate">{id}</h2>
        {type === id ? null : <code className="muted">{type}</code>}
        <button type="button" className="button quiet icon close" aria-label="Close the node" onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      <Region label="Details of the node" className="padded">
        <dl className="facts">
          {parents.length === 0 ? null : (
            <>
              <dt>After</dt>
              <dd>
                <Links ids={parents.map(({ from }) => from)} linkTo={linkTo} />
              </dd>
            </>
          )}
          {children.length === 0 ? null : (
            <>
              <dt>Before</dt>
              <dd>
                <Links ids={children.map(({ to }) => to)} linkTo={linkTo} />
              </dd>
            </>
          )}
          {optional ? (
            <>
              <dt>If it fails</dt>
              <dd>the task goes on without it</dd>
            </>
          ) : null}
          {settings.map(({ name, text }) => (
            <div key={name} className="fact">
              <dt>{name}</dt>
              <dd>{text}</dd>
            </div>
          ))}
        </dl>
      </Region>
    </aside>
  );
}

function Links({ ids, linkTo }: { readonly ids: readonly string[]; readonly linkTo: (nodeId: string) => string }) {
  return (
    <ul className="inline-list">
      {ids.map((id) => (
        <li key={id}>
          <a href={linkTo(id)}>{id}</a>
        </li>
      ))}
    </ul>
  );
}
