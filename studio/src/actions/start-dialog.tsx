import { useState } from "react";
import { useFlow, useFlows, useInfo, useSource } from "../api/queries.ts";
import type { FlowDetail, Json, Started } from "../api/source.ts";
import { plural } from "../format.ts";
import { hrefOf, navigate } from "../router.ts";
import { Dialog } from "../ui/dialog.tsx";
import { Problem } from "../ui/problem.tsx";
import { Note } from "../ui/status.tsx";
import { ActionDialog } from "./action-dialog.tsx";
import { SchemaForm, useSchemaForm } from "./schema-form.tsx";

/** Asks for a flow, unless one is given, and for its parameters. */
export function StartDialog(props: { readonly flow?: string; readonly onClose: () => void }) {
  const { onClose } = props;
  const [chosen, choose] = useState(props.flow);
  const { data: flows, error } = useFlows();
  const startable = flows?.items.filter(({ origin }) => origin === "file");
  const [only] = startable?.length === 1 ? startable : [];
  const name = chosen ?? only?.name;
  if (name !== undefined) return <FlowForm key={name} name={name} onClose={onClose} />;
  return (
    <Dialog title="Run a flow" onClose={onClose}>
      <div className="content">
        {error === null ? null : <Problem error={error} />}
        {startable?.length === 0 ? (
          <p className="muted">No flow can be started here. Start the studio with the files that export your flows.</p>
        ) : null}
        <ul className="flow-choice">
          {startable?.map((flow) => (
            <li key={flow.name}>
              <button type="button" className="button" onClick={() => choose(flow.name)}>
                {flow.name}
                <span className="muted">{plural(flow.nodes, "# node", "# nodes")}</span>
              </button>
            </li>
          ))}
        </ul>
      </div>
    </Dialog>
  );
}

function FlowForm({ name, onClose }: { readonly name: string; readonly onClose: () => void }) {
  const { data: flow, error } = useFlow(name);
  if (flow?.canStart) return <Form flow={flow} onClose={onClose} />;
  return (
    <Dialog title={`Run ${name}`} onClose={onClose}>
      <div className="content">
        {error === null ? null : <Problem error={error} />}
        {flow === undefined && error === null ? <p className="muted">Loading…</p> : null}
        {flow === undefined ? null : (
          <p>
            This flow cannot be started here: the studio knows it from its runs only. Start the studio with the file
            that exports it.
          </p>
        )}
      </div>
    </Dialog>
  );
}

function Form({ flow, onClose }: { readonly flow: FlowDetail; readonly onClose: () => void }) {
  const source = useSource();
  const { data: info } = useInfo();
  const form = useSchemaForm(flow.paramsSchema ?? emptySchema);
  const [key, setKey] = useState("");
  const [sent, setSent] = useState(false);
  const act = async () => {
    setSent(true);
    const params: Json = form.value();
    const idempotencyKey = key.trim() === "" ? {} : { idempotencyKey: key.trim() };
    const { taskId } = await source.post<Started>(["tasks"], { flow: flow.name, params, ...idempotencyKey });
    navigate(hrefOf(["runs", taskId]));
    return "The run has started.";
  };
  return (
    <ActionDialog title={`Run ${flow.name}`} confirm="Start the run" onClose={onClose} act={act}>
      <p>
        {plural(flow.nodes, "A new run of this flow has # node.", "A new run of this flow has # nodes.")}{" "}
        {info?.runs === "engine"
          ? "This process runs it."
          : "Other processes have to run it: a coordinator and workers of this store."}
      </p>
      {flow.changed === true ? (
        <Note tone="waiting" icon="info">
          The file has changed since the last run: this starts the version of the file.
        </Note>
      ) : null}
      {form.fields.length === 0 ? <p className="muted">It takes no parameters.</p> : null}
      <SchemaForm form={form} showErrors={sent} />
      <details className="details">
        <summary>More options</summary>
        <div className="field">
          <label htmlFor="key">
            Idempotency key <span className="muted">(optional)</span>
          </label>
          <input id="key" className="input" value={key} onChange={(event) => setKey(event.target.value)} />
          <span className="hint">A second run with the same key and parameters is the same run.</span>
        </div>
      </details>
    </ActionDialog>
  );
}

const emptySchema = { type: "object", properties: {} };
