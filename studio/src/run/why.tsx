import type { Task } from "../api/queries.ts";
import { duration, plural, rate } from "../format.ts";
import type { LinkTo } from "../router.ts";
import { Icon } from "../ui/icon.tsx";
import { Region } from "../ui/region.tsx";
import { Status } from "../ui/status.tsx";

/** One line per node: its state, and why it does not run. */
export function Why({ task, linkTo }: { readonly task: Task; readonly linkTo: LinkTo }) {
  const { nodes, bottleneck, at } = task.live;
  return (
    <Region label="Nodes in words" className="padded">
      <div className="scroll-x">
        <table className="table why">
          <thead>
            <tr>
              <th scope="col">Node</th>
              <th scope="col">State</th>
              <th scope="col">In words</th>
              <th scope="col">Time</th>
              <th scope="col">Batches</th>
              <th scope="col">Rate</th>
              <th scope="col">Attempts</th>
            </tr>
          </thead>
          <tbody>
            {nodes.map((node) => (
              <tr key={node.nodeId}>
                <td>
                  <a href={linkTo(node.nodeId)}>{node.nodeId}</a>
                </td>
                <td>
                  <Status status={node.state} bare />
                </td>
                <td className="why-text">
                  {node.explain.map((text) => (
                    <p key={text}>{text}</p>
                  ))}
                  {bottleneck === node.nodeId ? (
                    <p className="tone-waiting toned">
                      <Icon name="bottleneck" /> More input waits here than at any other running node.
                    </p>
                  ) : null}
                </td>
                <td className="tabular">
                  {node.startedAt === undefined ? "–" : duration((node.endedAt ?? at) - node.startedAt)}
                </td>
                <td className="tabular">{batchesInWords(node.batches)}</td>
                <td className="tabular">{node.rate === undefined ? "–" : rate(node.rate)}</td>
                <td className="tabular">{node.attempts}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Region>
  );
}

export function batchesInWords(batches: Task["live"]["nodes"][number]["batches"]): string {
  const { done, pending = 0, failed, retrying, carried } = batches;
  return [
    plural(done, "# done", "# done"),
    ...(pending === 0 ? [] : [plural(pending, "# pending", "# pending")]),
    ...(retrying === 0 ? [] : [plural(retrying, "# retrying", "# retrying")]),
    ...(failed === 0 ? [] : [plural(failed, "# failed", "# failed")]),
    ...(carried === 0 ? [] : [plural(carried, "# kept from the earlier run", "# kept from the earlier run")]),
  ].join(", ");
}
