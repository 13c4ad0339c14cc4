import { BSON, type Document } from "mongodb";
import { FlowError, type Json } from "../../../errors/index.ts";

/** How one value of a record is stored in its document, and read from it; `undefined`: the field is absent. */
interface Field {
  put(document: Document, value: never): void;
  get(document: Document): unknown;
}

/** The document's field for each field of a record: a field without one does not compile. */
export type Fields<TRecord> = { readonly [TName in keyof TRecord]-?: string | Field };

export interface Mapping<TRecord> {
  toDocument(record: TRecord): Document;
  toRecord(document: object): TRecord;
}

export function mapping<TRecord extends object>(fields: Fields<TRecord>): Mapping<TRecord> {
  const entries = Object.entries<string | Field>(fields).map(([name, field]) => ({
    name: name as keyof TRecord,
    field: typeof field === "string" ? plain(field) : field,
  }));
  return {
    toDocument(record) {
      const document: Document = {};
      for (const { name, field } of entries) {
        const value = record[name];
        if (value !== undefined) field.put(document, value as never);
      }
      return document;
    },
    toRecord(document) {
      const record: Partial<TRecord> = {};
      for (const { name, field } of entries) {
        const value = field.get(document);
        if (value !== undefined) record[name] = value as TRecord[typeof name];
      }
      return record as TRecord;
    },
  };
}

const plain = (name: string): Field => ({
  put(document, value) {
    document[name] = value;
  },
  get: (document) => document[name],
});

/** Milliseconds since the epoch as a BSON date. */
export const date = (name: string): Field =>
  converted<number, Date>(
    name,
    (ms) => new Date(ms),
    (value) => value.getTime(),
  );

export const nested = <TRecord>(name: string, inner: Mapping<TRecord>): Field =>
  converted<TRecord, object>(name, inner.toDocument, inner.toRecord);

export const list = <TRecord>(name: string, inner: Mapping<TRecord>): Field =>
  converted<readonly TRecord[], object[]>(
    name,
    (records) => records.map(inner.toDocument),
    (documents) => documents.map(inner.toRecord),
  );

/** Users' JSON: see {@link jsonField}. */
export const json = (name: string): Field => ({
  put: (document, value: Json) => Object.assign(document, jsonField(name, value)),
  get: (document) => jsonOf(document, name),
});

export const converted = <TValue, TStored>(
  name: string,
  store: (value: TValue) => TStored,
  restore: (stored: TStored) => TValue,
): Field => ({
  put(document, value: TValue) {
    document[name] = store(value);
  },
  get: (document) => (document[name] === undefined ? undefined : restore(document[name] as TStored)),
});

/** MongoDB nests up to 100 levels, some of which the surrounding document needs. */
const deepest = 80;

/**
 * Users' JSON as a field of a document: unchanged, so that other programs can read and query it, or as text in the field
 * `<name>_json` where BSON, a driver or an older server would change it.
 */
export function jsonField<TName extends string>(name: TName, value: Json | undefined): Record<string, Json> {
  if (value === undefined) return {};
  return fits(value, 0) ? { [name]: value } : { [`${name}_json`]: textOf(name, value) };
}

/** Reads what {@link jsonField} wrote. */
export function jsonOf<T>(document: object, name: string): T | undefined {
  const fields = document as Document;
  const text: unknown = fields[`${name}_json`];
  return (typeof text === "string" ? JSON.parse(text) : fields[name]) as T | undefined;
}

function textOf(name: string, value: Json): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    if (error instanceof RangeError) throw recordTooLarge(`a record's field '${name}'`); // longer than a string can be
    throw error;
  }
}

function fits(value: Json, depth: number): boolean {
  if (typeof value === "string") return value.isWellFormed();
  if (typeof value !== "object" || value === null) return !Object.is(value, -0);
  if (depth >= deepest) return false;
  if (Array.isArray(value)) return value.every((item) => fits(item, depth + 1));
  return Object.entries(value).every(([key, item]) => isPlainKey(key) && fits(item, depth + 1));
}

/** Drivers convert objects with `$ref` or `_bsontype`, servers before 5.0 reject `$`, and a BSON key ends at NUL. */
const isPlainKey = (key: string): boolean =>
  !key.startsWith("$") && key !== "_bsontype" && key !== "__proto__" && !key.includes("\0") && key.isWellFormed();

const largestDocument = 16 * 1_024 * 1_024;

export const recordTooLarge = (what: string): FlowError =>
  new FlowError(
    "RECORD_TOO_LARGE",
    `${what} exceeds MongoDB's limit of 16 MiB per document: split it, for instance into smaller batches`,
  );

/** @throws FlowError `RECORD_TOO_LARGE` */
export function checkSize<TDocument extends object>(
  document: TDocument,
  what: string,
  most = largestDocument,
): TDocument {
  if (BSON.calculateObjectSize(document, { ignoreUndefined: true }) > most) throw recordTooLarge(what);
  return document;
}
