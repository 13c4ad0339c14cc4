export interface SqliteError extends Error {
  /** SQLite's extended result code. */
  readonly errcode: number;
}

export const isSqliteError = (error: unknown): error is SqliteError =>
  error instanceof Error && "errcode" in error && typeof error.errcode === "number";

const busy = 5;

/** Another connection has the lock, of whichever kind: the extended code says more in the bits above. */
export const isBusy = (error: unknown): boolean => isSqliteError(error) && (error.errcode & 0xff) === busy;
