import type { Metrics } from "../../definitions/index.ts";
import type { Json, JsonObject } from "../../errors/index.ts";
import type { AttemptEvent, StatusMessage } from "../protocol/messages.ts";

const longestField = 1_024;
const longestMetrics = 65_536;
/** Tells readers that `metrics` are not all of them. */
const truncatedMark = "__truncated__";

/**
 * Says that a batch's row is stored. Coordinators take the metrics of a `BATCH_OK` for the batch's data, and replace the
 * row's by them where it refers to the row: it does only when they are all of the data.
 */
export function batchStored(row: {
  readonly uid: string;
  readonly meta: Json;
  readonly metrics: Metrics;
}): AttemptEvent {
  const { uid, meta, metrics } = row;
  const about = { kind: "BATCH_OK", batchUid: uid } as const;
  if (!isObject(meta)) return { ...about, metrics: { ...metrics } };
  return { ...about, metrics: meta, artifactsRef: { batch_uid: uid } };
}

/**
 * The event without what makes it too large for a message. It keeps what fits of its metrics, numbers first, which
 * coordinators add up.
 * A `BATCH_OK` no longer refers to its row then: see {@link batchStored}.
 */
export function shortened(message: StatusMessage): StatusMessage {
  switch (message.kind) {
    case "BATCH_OK": {
      const { artifactsRef: _, ...rest } = message;
      return { ...rest, metrics: essentials(message.metrics) };
    }
    case "TASK_DONE":
      return { ...message, metrics: essentials(message.metrics) };
    default:
      return message;
  }
}

function essentials(metrics: JsonObject): JsonObject {
  const entries = Object.entries(metrics);
  const isNumber = ([, value]: readonly [string, Json]) => typeof value === "number";
  const kept: (readonly [string, Json])[] = [];
  let length = 0;
  for (const entry of [...entries.filter(isNumber), ...entries.filter((each) => !isNumber(each))]) {
    const own = JSON.stringify(entry).length;
    if (own > longestField || length + own > longestMetrics) continue;
    length += own;
    kept.push(entry);
  }
  return Object.fromEntries([...kept, [truncatedMark, true]]);
}

const isObject = (value: Json): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
