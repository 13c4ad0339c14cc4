/*
 * The texts of the studio's server: whole sentences and phrases, into which only values are inserted, so that each can
 * be read, corrected and translated by itself.
 */

type Values = Readonly<Record<string, string | number>>;

/** The sentence with its values filled in; a missing value is a bug. */
export function sentence(text: string, values: Values = {}): string {
  return text.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`the sentence '${text}' lacks its value '${name}'`);
    return String(value);
  });
}

/** The sentence for a count, which is filled in as `count`. */
export const counted = (count: number, texts: { readonly one: string; readonly many: string }, values: Values = {}) =>
  sentence(count === 1 ? texts.one : texts.many, { ...values, count });

/** Events of a task and its nodes; `node` includes the shard if there are several. */
export const eventTexts = {
  created: "the task was created",
  finished: "the task finished",
  failed: "the task failed: {reason}",
  cancelled: "the task was cancelled",
  cancelledFor: "the task was cancelled: {reason}",
  started: "attempt {epoch} of {node} started",
  startedOn: "attempt {epoch} of {node} started on {worker}",
  queued: "{node} was queued",
  delayed: "{node} is waiting to start",
  awaitsSignal: "{node} is waiting for its signal",
  nodeFinished: "{node} finished",
  nodeFailed: "{node} failed: {reason}",
  willRetry: "attempt {epoch} of {node} failed, and will be retried: {reason}",
  released: "attempt {epoch} of {node} released its slot",
  requeued: "{node} was queued again",
  lost: "attempt {epoch} of {node} lost its worker",
  lostTooOften: "{node} failed: it lost its worker too often",
  stopping: "attempt {epoch} of {node} was asked to stop",
  nodeCancelled: "{node} was cancelled",
  stopped: "attempt {epoch} of {node} stopped",
  superseded: "{node} was queued under a new epoch",
  adopted: "{node} was taken over from the earlier task",
  skipped: "{node} was skipped",
  closed: "{node} was closed with what it had stored",
  woken: "{node} received its signal",
  pausing: "attempt {epoch} of {node} ends after its batches: the task is paused",
  paused: "{node} was paused",
  resumed: "{node} was resumed",
} as const;

export type EventText = keyof typeof eventTexts;

/** When a node starts, by `start_when` and by how many of its parents it needs. */
export const startTexts = {
  ready: {
    one: "once its parent has finished",
    all: "once all parents have finished",
    any: "once any parent has finished",
    count: "once {count} of its parents have finished",
  },
  first_batch: {
    one: "once its parent has stored a batch",
    all: "once all parents have stored a batch",
    any: "once any parent has stored a batch",
    count: "once {count} of its parents have stored a batch",
  },
  ended: {
    one: "once its parent has ended, whatever the outcome",
    all: "once all parents have ended, whatever the outcome",
    any: "once any parent has ended, whatever the outcome",
    count: "once {count} of its parents have ended, whatever the outcome",
  },
} as const;

/** What a node reads, by its input adapter. */
export const inputTexts = {
  "pull.from_artifacts": "each artifact of {from}",
  "pull.from_artifacts.each": "each element of '{key}' in the artifacts of {from}",
  "pull.from_artifacts.rechunk:size": "the lists in the artifacts of {from}, in chunks of {size}",
  "pull.gather": "all artifacts of {from} at once",
  "pull.failures": "the failed batches of {from}",
  "pull.outcomes": "how {from} ended",
  custom: "{from}, by '{adapter}'",
} as const;

/** The settings of a node. */
export const settingTexts = {
  retries: {
    none: "none",
    now: { one: "once, immediately", many: "{count} times, immediately" },
    after: { one: "once, after {first}", many: "{count} times, after {first}" },
    growing: "{count} times, first after {first}; each delay is {factor} times the one before, at most {most}",
  },
  aside: {
    all: "are set aside",
    count: "are set aside, at most {count} of each partition",
    share: "are set aside, at most {share} %",
    both: "are set aside, at most {count} of each partition and {share} %",
  },
  ordered: "batches are stored in the order of the input",
  partitions: "{count}, in parallel",
  pending: { one: "at most {count} batch ahead of a reader", many: "at most {count} batches ahead of a reader" },
  running: { one: "at most {count} attempt", many: "at most {count} attempts" },
  runningByKey: { one: "at most {count} attempt for each {key}", many: "at most {count} attempts for each {key}" },
  rate: { one: "at most {count} batch a second", many: "at most {count} batches a second" },
  rateByKey: {
    one: "at most {count} batch a second for each {key}",
    many: "at most {count} batches a second for each {key}",
  },
  burst: { one: "{count} batch at once after a pause", many: "{count} batches at once after a pause" },
  optional: "its failure does not fail the task",
  flow: "{flow}, with each batch as its '{item}'",
} as const;

/** What a report leaves out; `none` if it has nothing of that kind. */
export const omittedTexts = {
  nodes: { one: "the details of {count} node", many: "the details of {count} nodes" },
  events: {
    none: "all events",
    one: "all but the newest event",
    many: "all but the newest {count} events",
  },
  spans: {
    none: "the timeline",
    one: "all but the first state of the timeline",
    many: "all but the first {count} states of the timeline",
  },
  artifacts: {
    none: "all artifacts",
    one: "all but the first artifact of each node",
    many: "all but the first {count} artifacts of each node",
  },
  failed: {
    none: "all failed batches",
    one: "all but the first failed batch of each node",
    many: "all but the first {count} failed batches of each node",
  },
  logs: {
    none: "all log lines",
    one: "all but the newest log line of each node",
    many: "all but the newest {count} log lines of each node",
  },
  attempts: {
    none: "all attempts",
    one: "all but the newest attempt of each node",
    many: "all but the newest {count} attempts of each node",
  },
} as const;
