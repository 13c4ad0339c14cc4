import { type Task, useSource } from "../api/queries.ts";
import type { NodeDetail, NodeLive } from "../api/source.ts";
import { dateTime, duration, number, rate } from "../format.ts";
import { hrefOf, type LinkTo } from "../router.ts";
import { batchesInWords } from "../run/why.tsx";
import { JsonTree } from "../ui/json-tree.tsx";
import { Status } from "../ui/status.tsx";

export function Overview(props: {
  readonly task: Task;
  readonly node: NodeDetail;
  readonly live: NodeLive;
  readonly linkTo: LinkTo;
}) {
  const { task, node, live, linkTo } = props;
  const { settings, args, dependsOn, readBy, shards } = node;
  const { explain, startedAt, endedAt, batches, progress, metrics, result } = live;
  const { isReport } = useSource();
  const metricNames = Object.keys(metrics);
  return (
    <>
      <section className="section">
        <h3>Now</h3>
        {explain.map((text) => (
          <p key={text}>{text}</p>
        ))}
        <dl className="facts">
          {startedAt === undefined ? null : (
            <>
              <dt>Started</dt>
              <dd className="tabular">
                {dateTime(startedAt)}, {duration((endedAt ?? task.live.at) - startedAt)}
              </dd>
            </>
          )}
          <dt>Batches</dt>
          <dd className="tabular">{batchesInWords(batches)}</dd>
          {live.rate === undefined ? null : (
            <>
              <dt>Rate</dt>
              <dd className="tabular">{rate(live.rate)}</dd>
            </>
          )}
          {progress === undefined ? null : (
            <>
              <dt>Progress</dt>
              <dd className="tabular">{progressInWords(progress)}</dd>
            </>
          )}
          {node.kind !== "flow" || isReport ? null : (
            <>
              <dt>Runs</dt>
              <dd>
                <a href={hrefOf(["runs"], { of: task.detail.id })}>The runs that the nodes of this run have started</a>
              </dd>
            </>
          )}
          <Neighbours label="Reads" ids={dependsOn} linkTo={linkTo} />
          <Neighbours label="Read by" ids={readBy} linkTo={linkTo} />
        </dl>
      </section>
      <section className="section">
        <h3>Settings</h3>
        {settings.length === 0 ? (
          <p className="muted">All settings have their defaults.</p>
        ) : (
          <dl className="facts">
            {settings.map(({ name, text }) => (
              <div key={name} className="fact">
                <dt>{name}</dt>
                <dd>{text}</dd>
              </div>
            ))}
          </dl>
        )}
      </section>
      {Object.keys(args).length === 0 ? null : (
        <section className="section">
          <h3>Arguments</h3>
          <JsonTree value={args} />
        </section>
      )}
      {metricNames.length === 0 ? null : (
        <section className="section">
          <h3>Metrics</h3>
          <dl className="facts">
            {metricNames.map((name) => (
              <div key={name} className="fact">
                <dt>{name}</dt>
                <dd className="tabular">{number(metrics[name] ?? 0)}</dd>
              </div>
            ))}
          </dl>
        </section>
      )}
      {result === undefined ? null : (
        <section className="section">
          <h3>Result</h3>
          <JsonTree value={result} />
        </section>
      )}
      {shards.length < 2 ? null : <Shards shards={shards} />}
    </>
  );
}

const progressInWords = ({ done, total }: NonNullable<NodeLive["progress"]>): string =>
  total === undefined ? number(done) : `${number(done)} of ${number(total)}`;

function Neighbours(props: { readonly label: string; readonly ids: readonly string[]; readonly linkTo: LinkTo }) {
  const { label, ids, linkTo } = props;
  if (ids.length === 0) return null;
  return (
    <>
      <dt>{label}</dt>
      <dd>
        <ul className="inline-list">
          {ids.map((id) => (
            <li key={id}>
              <a href={linkTo(id)}>{id}</a>
            </li>
          ))}
        </ul>
      </dd>
    </>
  );
}

function Shards({ shards }: { readonly shards: NodeDetail["shards"] }) {
  return (
    <section className="section">
      <h3>Partitions</h3>
      <div className="scroll-x">
        <table className="table">
          <thead>
            <tr>
              <th scope="col">Shard</th>
              <th scope="col">State</th>
              <th scope="col">Stored</th>
              <th scope="col">Attempt</th>
              <th scope="col">Worker</th>
            </tr>
          </thead>
          <tbody>
            {shards.map(({ shard, state, stored, epoch, workerId, explain }) => (
              <tr key={shard}>
                <td className="tabular">{shard}</td>
                <td>
                  <span title={explain}>
                    <Status status={state} bare />
                  </span>
                </td>
                <td className="tabular">{number(stored)}</td>
                <td className="tabular">{epoch}</td>
                <td>{workerId === undefined ? null : <code>{workerId}</code>}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
