import { type Connection, DatabaseError, type PoolClient, type Submittable, types } from "pg";
import { FlowError, type FlowErrorOptions } from "../../../errors/index.ts";

const tooLarge = new Set(["54000", "54001"]);
/** SQLSTATEs and classes of transient errors: failovers, restarts, conflicts, timeouts. */
const passing = /^(08|40|53|57P|57014|55P03|25006|58)/;
/** Codes of Node's errors that are not transient: the certificate or the key is wrong. */
const wrongTls = /CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS|ERR_SSL|ERR_OSSL/;
const noTls = /does not support SSL|SSL negotiation|SASL|client password must be/;

/** A referenced row was deleted in the meantime. */
export const foreignKeyViolation = "23503";
export const uniqueViolation = "23505";

/** The SQLSTATE with which the server rejected a request. */
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

/** Connecting to a host with several addresses fails with one error per address, and an empty message. */
const messageOf = (error: Error): string =>
  error.message === "" && error instanceof AggregateError ? error.errors.map(String).join(", ") : error.message;

/** A statement as it is sent, with the name of the schema. */
export interface Statement {
  readonly text: string;
  /** The name of the prepared statement. */
  readonly name?: string;
  /** Known once the statement has run. They do not change, so later runs do not request them again. */
  columns?: readonly Column[];
}

interface Column {
  readonly name: string;
  readonly parse: (text: string) => unknown;
}

/** The fields that a request reads of the driver's messages. */
interface Described {
  readonly fields: readonly { readonly name: string; readonly dataTypeID: number }[];
}
interface Row {
  readonly fields: readonly (string | null)[];
}

/** A connection, with the driver's record of the statements prepared on it. */
type Preparing = Connection & { readonly parsedStatements: Readonly<Record<string, string>> };

const noNative =
  "postgres: connections of pg.native are not supported: pass a Pool of pg itself, and do not set NODE_PG_FORCE_NATIVE";

/** Runs a statement on a connection that runs no other one. Rejects with the driver's error. */
export async function request(client: PoolClient, statement: Statement, values: readonly unknown[]) {
  if ("native" in client) throw new FlowError("ENGINE_OPTIONS", noNative);
  // In pipeline mode, the driver only sends requests of its own class.
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
 * A request that the driver submits. The driver's own class requests the columns each time, copies its options several times,
 * and emits events, which costs as much as a small statement.
 */
class Request implements Submittable {
  // Read by the driver.
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
