import { type Connection, DatabaseError, type PoolClient, type Submittable, types } from "pg";
import { FlowError, type FlowErrorOptions } from "../../../errors/index.ts";

const tooLarge = new Set(["54000", "54001"]);
/** SQLSTATEs, or their classes, after which the same request may succeed: failovers, restarts, conflicts, timeouts. */
const passing = /^(08|40|53|57P|57014|55P03|25006|58)/;
/** Codes of Node's errors that do not pass: the certificate or the key is wrong. */
const wrongTls = /CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS|ERR_SSL|ERR_OSSL/;
const noTls = /does not support SSL|SSL negotiation|SASL|client password must be/;

/** A row that this one refers to was removed meanwhile. */
export const foreignKeyViolation = "23503";
export const uniqueViolation = "23505";

/** With which SQLSTATE the server rejected a request. */
export const sqlStateOf = (error: unknown): unknown => (FlowError.is(error) ? error.details.sqlState : undefined);

export const unavailable = (message: string, options: FlowErrorOptions & { readonly retryable: boolean }): FlowError =>
  new FlowError("STORE_UNAVAILABLE", message, options);

/**
 * The error that a request rejects with.
 *
 * @param redact - removes secrets from a text
 */
export function translated(error: unknown, redact: (text: string) => string): unknown {
  if (error instanceof FlowError || !(error instanceof Error)) return error;
  const message = redact(messageOf(error));
  const cause = redact(error.stack ?? "") === (error.stack ?? "") ? { cause: error } : {};
  if (error instanceof DatabaseError) {
    const { code: sqlState = "" } = error;
    if (tooLarge.has(sqlState)) return new FlowError("RECORD_TOO_LARGE", `a record is too large: ${message}`, cause);
    const options = { retryable: passing.test(sqlState), details: { sqlState }, ...cause };
    return unavailable(`PostgreSQL request failed: ${message}`, options);
  }
  const isWrong = wrongTls.test("code" in error ? String(error.code) : "") || noTls.test(message);
  return unavailable(`PostgreSQL is unreachable: ${message}`, { retryable: !isWrong, ...cause });
}

/** A host with several addresses fails with one error for each, and an empty message. */
const messageOf = (error: Error): string =>
  error.message === "" && error instanceof AggregateError ? error.errors.map(String).join(", ") : error.message;

/** A statement with the schema, as it is sent. */
export interface Statement {
  readonly text: string;
  /** Of the prepared one. */
  readonly name?: string;
  /** Once it was run: they are the same each time, and need not be asked for again. */
  columns?: readonly Column[];
}

interface Column {
  readonly name: string;
  readonly parse: (text: string) => unknown;
}

/** What the driver gives to a request, of its messages. */
interface Described {
  readonly fields: readonly { readonly name: string; readonly dataTypeID: number }[];
}
interface Row {
  readonly fields: readonly (string | null)[];
}

/** A connection that knows which statements are prepared. */
type Preparing = Connection & { readonly parsedStatements: Readonly<Record<string, string>> };

/** Runs a statement on a connection that runs no other. Rejects with what the driver failed with. */
export async function request(client: PoolClient, statement: Statement, values: readonly unknown[]) {
  // The driver sends no requests of other classes over a connection that pipelines.
  if (client.pipeline) {
    const { text, name } = statement;
    const { rows } = await client.query({ text, name, values: [...values] });
    return rows;
  }
  const rows = await new Promise<readonly Row["fields"][]>((resolve, reject) => {
    client.query(new Request(statement, values, (error, found) => (found ? resolve(found) : reject(error))));
  });
  return rows.map((row) => parsed(row, statement.columns ?? []));
}

/**
 * A request of this store, for the driver. Its own ones also ask for the columns each time, copy their options several
 * times, and emit events, which costs as much as a small statement.
 */
class Request implements Submittable {
  // For the driver.
  readonly text: string;
  readonly name: string | undefined;
  callback: (error: unknown, rows?: readonly Row["fields"][]) => void;
  readonly #statement: Statement;
  readonly #values: readonly unknown[];
  readonly #rows: Row["fields"][] = [];

  constructor(statement: Statement, values: readonly unknown[], callback: Request["callback"]) {
    this.text = statement.text;
    this.name = statement.name;
    this.callback = callback;
    this.#statement = statement;
    this.#values = values;
  }

  submit(connection: Connection): void {
    const { text, name = "" } = this;
    const isPrepared = name !== "" && (connection as Preparing).parsedStatements[name] !== undefined;
    const stream: Partial<Connection["stream"]> = connection.stream; // a pool may use others than Node's
    stream.cork?.(); // one write
    try {
      const values = this.#values.map(valueText);
      if (!isPrepared) connection.parse({ text, name, types: [] }, true);
      connection.bind({ statement: name, values }, true);
      if (this.#statement.columns === undefined) connection.describe({ type: "P" }, true);
      connection.execute(null, true);
      connection.sync();
    } finally {
      stream.uncork?.();
    }
  }

  handleRowDescription({ fields }: Described): void {
    this.#statement.columns = fields.map(({ name, dataTypeID }) => ({ name, parse: types.getTypeParser(dataTypeID) }));
  }

  handleDataRow({ fields }: Row): void {
    this.#rows.push(fields);
  }

  handleCommandComplete(): void {}

  handleReadyForQuery(): void {
    this.callback(undefined, this.#rows);
  }

  handleError(error: unknown): void {
    this.callback(error);
  }
}

function parsed(row: Row["fields"], columns: readonly Column[]): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const [at, { name, parse }] of columns.entries()) {
    const text = row[at] ?? null;
    found[name] = text === null ? null : parse(text);
  }
  return found;
}

function valueText(value: unknown): string | null {
  if (value === null || value === undefined || typeof value === "string") return value ?? null;
  return Array.isArray(value) ? `{${value.map(elementText).join()}}` : String(value);
}

function elementText(element: unknown): string {
  if (typeof element === "string") return `"${element.replaceAll(/["\\]/g, "\\$&")}"`;
  return valueText(element) ?? "NULL";
}
