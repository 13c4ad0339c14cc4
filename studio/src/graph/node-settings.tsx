import type { GraphNodeView, GraphView } from "../api/source.ts";
import type { LinkTo } from "../router.ts";
import { Fact } from "../ui/fact.tsx";
import { Icon } from "../ui/icon.tsx";
import { Region } from "../ui/region.tsx";
import { NodesFact, SettingsFacts } from "./node-facts.tsx";

/** A panel with the settings of a node. */
export function NodeSettings(props: {
  readonly node: GraphNodeView;
  readonly graph: GraphView;
  readonly linkTo: LinkTo;
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
          <NodesFact name="After" ids={parents.map(({ from }) => from)} linkTo={linkTo} />
          <NodesFact name="Before" ids={children.map(({ to }) => to)} linkTo={linkTo} />
          {optional ? <Fact name="If it fails">the task continues without it</Fact> : null}
          <SettingsFacts settings={settings} />
        </dl>
      </Region>
    </aside>
  );
}
