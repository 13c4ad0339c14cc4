import { BSON, type Document } from "mongodb";
import { recordTooLarge } from "./mongo-error.ts";

const largest = 16 * 1_024 * 1_024;
/** A task's record takes its failure, and its variables, later. */
const largestTask = 12 * 1_024 * 1_024;
const largestVars = 3 * 1_024 * 1_024;

/** @throws FlowError `RECORD_TOO_LARGE` */
export function checkSize(document: Document, what: string, most: number = largest): void {
  if (BSON.calculateObjectSize(document, { ignoreUndefined: true }) > most) throw recordTooLarge(what);
}

export const checkTaskSize = (document: Document): void =>
  checkSize(document, "the task's graph and params", largestTask);
export const checkVarsSize = (fields: Document): void =>
  checkSize(fields, "the set of the task's variables", largestVars);
