import { type Task, useSource } from "../api/queries.ts";
import type { NodeDetail, NodeLive } from "../api/source.ts";
import { dateTime, duration, number, rate } from "../format.ts";
import { NodesFact, SettingsFacts } from "../graph/node-facts.tsx";
import { hrefOf, type LinkTo } from "../router.ts";
import { batchesInWords } from "../run/why.tsx";
import { Fact } from "../ui/fact.tsx";
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
            <Fact name="Started">
              {dateTime(startedAt)}, {duration((endedAt ?? task.live.at) - startedAt)}
            </Fact>
          )}
          <Fact name="Batches">{batchesInWords(batches)}</Fact>
          {live.rate === undefined ? null : <Fact name="Rate">{rate(live.rate)}</Fact>}
          {progress === undefined ? null : <Fact name="Progress">{progressInWords(progress)}</Fact>}
          {node.kind !== "flow" || isReport ? null : (
            <Fact name="Runs">
              <a href={hrefOf(["runs"], { of: task.detail.id })}>The runs that the nodes of this run have started</a>
            </Fact>
          )}
          <NodesFact name="Reads" ids={dependsOn} linkTo={linkTo} />
          <NodesFact name="Read by" ids={readBy} linkTo={linkTo} />
        </dl>
      </section>
      <section className="section">
        <h3>Settings</h3>
        {settings.length === 0 ? (
          <p className="muted">All settings have their defaults.</p>
        ) : (
          <dl className="facts">
            <SettingsFacts settings={settings} />
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
              <Fact key={name} name={name}>
                {number(metrics[name] ?? 0)}
              </Fact>
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
