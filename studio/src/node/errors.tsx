import { useFailedBatches } from "../api/queries.ts";
import type { FailedBatchView, Failure, InputView, NodeDetail, NodeLive } from "../api/source.ts";
import { plural } from "../format.ts";
import { JsonTree } from "../ui/json-tree.tsx";
import { Problem } from "../ui/problem.tsx";
import { Region } from "../ui/region.tsx";

/** The failure of the node itself, with the input of its batch, and the batches that it has set aside. */
export function Errors(props: { readonly id: string; readonly node: NodeDetail; readonly live: NodeLive }) {
  const { id, node, live } = props;
  const { failedInput } = node;
  const isQuiet = live.failure === undefined && live.batches.failed === 0;
  if (isQuiet) return <p className="muted">Nothing has failed for good.</p>;
  return (
    <>
      {live.failure === undefined ? null : (
        <section className="section">
          <h3>{live.failure.batchUid === undefined ? "Failure" : `Failed at batch '${live.failure.batchUid}'`}</h3>
          <FailureView failure={live.failure} />
          {failedInput === undefined ? null : <Input input={failedInput} />}
        </section>
      )}
      {live.batches.failed === 0 ? null : <FailedBatches id={id} nodeId={node.nodeId} count={live.batches.failed} />}
    </>
  );
}

export function FailureView({ failure }: { readonly failure: Omit<Failure, "nodeId"> }) {
  const { reasonCode, message } = failure;
  return (
    <>
      <p className="failure-line">
        <code>{reasonCode}</code> {message}
      </p>
      <FailureDetails failure={failure} />
    </>
  );
}

function FailureDetails({ failure: { stack, tries, method } }: { readonly failure: Omit<Failure, "nodeId"> }) {
  return (
    <>
      {tries === undefined ? null : <Tries count={tries} />}
      {method === undefined ? null : (
        <p className="muted">
          Thrown by <code>{method}</code>.
        </p>
      )}
      {stack === undefined ? null : <Stack text={stack} />}
    </>
  );
}

export const Tries = ({ count }: { readonly count: number }) => (
  <p className="muted">{plural(count, "Tried once.", "Tried # times.")}</p>
);

function Stack({ text }: { readonly text: string }) {
  return (
    <Region label="Stack" className="code-block">
      <pre>{text}</pre>
    </Region>
  );
}

export function Input({ input: { value, start, length = 0, missing } }: { readonly input: InputView }) {
  return (
    <details className="details" open>
      <summary>Input</summary>
      {missing === undefined ? null : <p className="muted">{missing}</p>}
      {start === undefined ? null : (
        <>
          <pre className="code-block">{start}…</pre>
          <p className="muted">
            {plural(length, "The start of # character of JSON.", "The start of # characters of JSON.")}
          </p>
        </>
      )}
      {missing === undefined && start === undefined ? <JsonTree value={value} /> : null}
    </details>
  );
}

function FailedBatches(props: { readonly id: string; readonly nodeId: string; readonly count: number }) {
  const { id, nodeId, count } = props;
  const { data, error, hasNextPage, fetchNextPage, isFetchingNextPage } = useFailedBatches(id, nodeId);
  const batches = data?.pages.flatMap(({ items }) => items) ?? [];
  return (
    <section className="section">
      <h3>{plural(count, "# batch was set aside", "# batches were set aside")}</h3>
      {error === null ? null : <Problem error={error} />}
      <ol className="batches">
        {batches.map((batch) => (
          <li key={`${batch.shard} ${batch.uid}`}>
            <FailedBatch batch={batch} />
          </li>
        ))}
      </ol>
      {hasNextPage ? (
        <button type="button" className="button" disabled={isFetchingNextPage} onClick={() => void fetchNextPage()}>
          Show more
        </button>
      ) : null}
    </section>
  );
}

function FailedBatch({ batch }: { readonly batch: FailedBatchView }) {
  const { uid, reasonCode, message, input } = batch;
  return (
    <details className="details">
      <summary>
        <code>{uid}</code> <code className="muted">{reasonCode}</code> {message}
      </summary>
      <FailureDetails failure={batch} />
      <Input input={input} />
    </details>
  );
}
