import type { Task } from "../api/queries.ts";
import { dateTime } from "../format.ts";
import { Fact } from "../ui/fact.tsx";
import { JsonTree } from "../ui/json-tree.tsx";
import { Region } from "../ui/region.tsx";

export function Facts({ task: { detail, live } }: { readonly task: Task }) {
  const { params, priority, idempotencyKey, traceparent, graphHash, startsAt } = detail;
  const results = live.nodes.flatMap(({ nodeId, result }) => (result === undefined ? [] : [[nodeId, result] as const]));
  const isEmpty = (object: object) => Object.keys(object).length === 0;
  return (
    <Region label="Parameters and variables" className="padded">
      <section className="section">
        <h2>Parameters</h2>
        {isEmpty(params) ? <p className="muted">It was started without parameters.</p> : <JsonTree value={params} />}
      </section>
      <section className="section">
        <h2>Variables</h2>
        {isEmpty(live.vars) ? (
          <p className="muted">No coordinator function has set a variable.</p>
        ) : (
          <JsonTree value={live.vars} />
        )}
      </section>
      {results.length === 0 ? null : (
        <section className="section">
          <h2>Results</h2>
          <JsonTree value={Object.fromEntries(results)} />
        </section>
      )}
      <section className="section">
        <h2>Run</h2>
        <dl className="facts">
          <Fact name="Hash of its graph, with these parameters">
            <code>{graphHash}</code>
          </Fact>
          <Fact name="Priority">{priority}</Fact>
          {startsAt === undefined ? null : <Fact name="Starts">{dateTime(startsAt)}</Fact>}
          {idempotencyKey === undefined ? null : (
            <Fact name="Idempotency key">
              <code>{idempotencyKey}</code>
            </Fact>
          )}
          {traceparent === undefined ? null : (
            <Fact name="Trace">
              <code>{traceparent}</code>
            </Fact>
          )}
        </dl>
      </section>
    </Region>
  );
}
