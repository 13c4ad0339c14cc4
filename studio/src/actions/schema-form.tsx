import { useId, useMemo, useState } from "react";
import type { Json, JsonObject } from "../api/source.ts";
import { compact } from "../format.ts";
import {
  allFields,
  errorOf,
  type Field,
  fieldsOf,
  formValue,
  initialValues,
  keyOf,
  type Typed,
} from "./schema-model.ts";

export interface SchemaFormState {
  readonly fields: readonly Field[];
  readonly typed: Typed;
  readonly set: (field: Field, value: string | boolean) => void;
  /** @throws Error if a field is missing or wrong */
  readonly value: () => Json;
}

export function useSchemaForm(schema: JsonObject): SchemaFormState {
  const fields = useMemo(() => fieldsOf(schema), [schema]);
  const [typed, setTyped] = useState<Typed>(() => initialValues(fields));
  return {
    fields,
    typed,
    set: (field, value) => setTyped((before) => new Map(before).set(keyOf(field), value)),
    value: () => {
      const wrong = allFields(fields).filter((field) => errorOf(field, typed.get(keyOf(field))) !== undefined);
      if (wrong.length > 0)
        throw new Error(`Correct these fields first: ${wrong.map(({ title }) => title).join(", ")}`);
      return formValue(fields, typed);
    },
  };
}

/** @param props.showErrors - once the user has tried to submit it */
export function SchemaForm({ form, showErrors }: { readonly form: SchemaFormState; readonly showErrors: boolean }) {
  return form.fields.map((field) => <FieldView key={keyOf(field)} field={field} form={form} showErrors={showErrors} />);
}

interface FieldProps {
  readonly field: Field;
  readonly form: SchemaFormState;
  readonly showErrors: boolean;
}

function FieldView({ field, form, showErrors }: FieldProps) {
  const id = useId();
  const { title, hint, isRequired, kind } = field;
  if (kind.kind === "object") {
    return (
      <fieldset>
        <legend>{title}</legend>
        {kind.fields.map((each) => (
          <FieldView key={keyOf(each)} field={each} form={form} showErrors={showErrors} />
        ))}
      </fieldset>
    );
  }
  const error = showErrors ? errorOf(field, form.typed.get(keyOf(field))) : undefined;
  const isCheck = kind.kind === "boolean";
  return (
    <div className={isCheck ? "field check-field" : "field"}>
      <label htmlFor={id}>
        {title}
        {isRequired || isCheck ? null : <span className="muted"> (optional)</span>}
      </label>
      <Control id={id} field={field} form={form} isWrong={error !== undefined} />
      {hint === undefined ? null : (
        <span className="hint" id={`${id}-hint`}>
          {hint}
        </span>
      )}
      {error === undefined ? null : (
        <span className="error" id={`${id}-error`}>
          {error}
        </span>
      )}
    </div>
  );
}

function Control(props: {
  readonly id: string;
  readonly field: Field;
  readonly form: SchemaFormState;
  readonly isWrong: boolean;
}) {
  const { id, field, form, isWrong } = props;
  const { kind, hint, isRequired } = field;
  const value = form.typed.get(keyOf(field));
  const text = typeof value === "string" ? value : "";
  const described = [...(hint === undefined ? [] : [`${id}-hint`]), ...(isWrong ? [`${id}-error`] : [])].join(" ");
  const common = {
    id,
    name: field.path.join("."),
    "aria-invalid": isWrong,
    "aria-describedby": described === "" ? undefined : described,
  };
  const onChange = (event: { readonly target: { readonly value: string } }) => form.set(field, event.target.value);
  switch (kind.kind) {
    case "boolean":
      return (
        <input
          {...common}
          type="checkbox"
          checked={value === true}
          onChange={(event) => form.set(field, event.target.checked)}
        />
      );
    case "choice":
      return (
        <select {...common} className="select" value={text} onChange={onChange}>
          <option value="">{isRequired ? "Choose one" : "None"}</option>
          {kind.values.map((each) => (
            <option key={JSON.stringify(each)} value={JSON.stringify(each)}>
              {typeof each === "string" ? each : compact(each)}
            </option>
          ))}
        </select>
      );
    case "number":
      return (
        <input
          {...common}
          className="input"
          inputMode={kind.isInteger ? "numeric" : "decimal"}
          value={text}
          onChange={onChange}
        />
      );
    case "text":
      if (kind.isLong) return <textarea {...common} className="textarea" value={text} onChange={onChange} />;
      return (
        <input
          {...common}
          className="input"
          type={kind.format === "date" ? "date" : "text"}
          placeholder={kind.format === undefined || kind.format === "date" ? undefined : kind.format}
          value={text}
          onChange={onChange}
        />
      );
    default:
      return <textarea {...common} className="textarea" placeholder="JSON" value={text} onChange={onChange} />;
  }
}
