import type { DataType } from "../graph/data/data-type.ts";
import { readSchema } from "../graph/data/read-schema.ts";
import { storedType } from "../graph/data/zod-data.ts";
import type { FlowHead } from "./step.ts";

/** The parameters of a flow as arguments see them: with the defaults that are filled in when a task is created. */
export function givenParams({ paramsSchema, loaded }: FlowHead): DataType | undefined {
  if (loaded?.paramsSchema !== undefined) return readSchema(loaded.paramsSchema, { filled: true });
  return paramsSchema === undefined ? undefined : storedType(paramsSchema);
}
