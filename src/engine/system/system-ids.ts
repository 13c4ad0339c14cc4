import { randomUUID } from "node:crypto";
import type { Ids } from "../ports/index.ts";

/** Random UUIDs: unique over all processes without asking any. */
export const systemIds: Ids = { next: () => randomUUID() };
