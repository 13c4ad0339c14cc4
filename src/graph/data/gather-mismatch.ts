import type { DataType, Field, ObjectType } from "./data-type.ts";
import { objectOf } from "./data-type.ts";
import type { Fit } from "./fit.ts";
import { mismatchText } from "./mismatch.ts";

export interface GatherMismatch {
  /** The key of the source that does not fit; `undefined` where no one source is to blame. */
  readonly key: string | undefined;
  readonly why: string;
}

/** What is wrong with a gathered payload: source by source, then with what no source gives. Empty when it fits. */
export function gatherMismatches(
  sources: ReadonlyMap<string, Field>,
  { wanted, fit }: { readonly wanted: DataType; readonly fit: Fit },
): readonly GatherMismatch[] {
  const whole = mismatchText(objectOf([...sources]), wanted, fit);
  if (whole === undefined) return [];
  if (wanted.kind !== "object") return [{ key: undefined, why: whole }];
  const found = [...sources].flatMap(([key, field]): GatherMismatch[] => {
    const why = mismatchText(
      objectOf([[key, field]]),
      withKeys(wanted, (one) => one === key),
      fit,
    );
    return why === undefined ? [] : [{ key, why }];
  });
  const missing = mismatchText(
    objectOf([]),
    withKeys(wanted, (one) => !sources.has(one)),
    fit,
  );
  return missing === undefined ? found : [...found, { key: undefined, why: missing }];
}

const withKeys = (type: ObjectType, isKept: (key: string) => boolean): ObjectType => ({
  ...type,
  fields: new Map([...type.fields].filter(([key]) => isKept(key))),
});
