import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { decode, encode } from "../../../../../src/adapters/kafka/wire/codec.ts";
import type { Message } from "../../../../../src/core/messages/messages.ts";
import { samples } from "./samples.ts";

const stamp = { corrId: "new", sentAt: 5 };
const golden = (kind: string) => readFileSync(new URL(`golden/${kind}.json`, import.meta.url), "utf8");
const envelope = (kind: string) => JSON.parse(golden(kind));
const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));
const read = (value: unknown) => decode(bytes(value));

describe.for(Object.keys(samples) as Message["kind"][])("%s", (kind) => {
  test("is encoded as documented, byte for byte", () => {
    expect(encode(samples[kind], stamp).value.toString()).toBe(JSON.stringify(envelope(kind)));
  });

  test("is decoded as it was encoded", () => {
    const { dedup_id: dedupId } = envelope(kind);
    expect(read(envelope(kind))).toEqual({ message: { ...samples[kind], dedupId } });
  });

  test("is decoded without optional fields, absent or null, and with unknown fields", () => {
    const given = envelope(kind);
    const optional = [
      ...[
        "input_ref",
        "input_inline",
        "batching",
        "artifacts_ref",
        "error",
        "final_uid",
        "due_in_ms",
        "yielded",
        "continues_with",
      ],
      ...["deadline_ts_ms", "lease", "progress", "artifacts", "capabilities", "resume"],
    ].filter((field) => field in given.payload);
    if (kind === "CANCEL") optional.push("cancel_token");
    const absent = Object.fromEntries(Object.entries(given.payload).filter(([field]) => !optional.includes(field)));
    const nulled = { ...given.payload, ...Object.fromEntries(optional.map((field) => [field, null])) };
    const less = { ...given, shard: null, corr_id: null, dedup_id: null, ts_ms: null, more: 1 };
    const asAbsent = read({ ...less, payload: { ...absent, more: 1 } });
    expect(asAbsent).toMatchObject({ message: { kind } });
    expect(read({ ...less, payload: nulled })).toEqual(asAbsent);
  });

  test("is rejected if a required field is missing", () => {
    const given = envelope(kind);
    const required =
      kind === "WORKER_ONLINE" || kind === "WORKER_OFFLINE" ? "worker_id" : Object.keys(given.payload)[0];
    const { [required ?? ""]: _, ...payload } = given.payload;
    expect(read({ ...given, payload })).toHaveProperty("problem");
    for (const field of ["v", "msg_type", "role", "task_id", "node_id", "step_type", "attempt_epoch", "payload"]) {
      const { [field]: __, ...rest } = given;
      expect(read(rest), field).toMatchObject({ problem: expect.stringContaining(field) });
    }
  });
});

test("a message is stamped once, and a repeat has the same dedup_id", () => {
  const { corrId: _, sentAt: __, ...message } = samples.BATCH_OK;
  const [first, second] = [encode(message, stamp), encode(message, { corrId: "other", sentAt: 6 })].map(({ value }) =>
    JSON.parse(value.toString()),
  );
  expect(first).toMatchObject({ corr_id: "new", ts_ms: 5 });
  expect(second).toMatchObject({ corr_id: "other", ts_ms: 6, dedup_id: first.dedup_id });
});

test("messages with different content have different dedup_ids", () => {
  const { BATCH_OK, TASK_HEARTBEAT, TASK_START } = samples;
  const different: Message[] = [
    ...Object.values(samples).filter(({ kind }) => !kind.startsWith("WORKER_")),
    { ...BATCH_OK, batchUid: "b-2" },
    { ...BATCH_OK, epoch: 3 },
    { ...BATCH_OK, shard: 4 },
    { ...TASK_HEARTBEAT, leaseDeadline: 1 },
    { ...TASK_START, taskId: "t-2" },
    { ...TASK_START, nodeId: "other" },
  ];
  const ids = different.map((message) => JSON.parse(encode(message, stamp).value.toString()).dedup_id);
  expect(new Set(ids).size).toBe(different.length);
});

test("trace context is sent in a header", () => {
  const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const { value, headers } = encode({ ...samples.TASK_DONE, traceparent }, stamp);
  expect(headers).toEqual({ traceparent });
  expect(value.toString()).not.toContain("traceparent");
  expect(decode(value, traceparent)).toMatchObject({ message: { traceparent } });
});

test.for([
  ["nothing", null, "the message has no value"],
  ["no JSON", Buffer.from("{"), "not valid JSON"],
  ["no UTF-8", Buffer.from([0x22, 0xff, 0x22]), "not valid UTF-8"],
  ["no envelope", bytes([1]), "envelope: "],
  ["another version", bytes({ ...envelope("TASK_DONE"), v: 2 }), "v: "],
  ["an unknown kind", bytes({ ...envelope("TASK_DONE"), payload: { kind: "toString" } }), "payload.kind"],
  ["a command as an event", bytes({ ...envelope("TASK_DONE"), payload: { kind: "TASK_START" } }), "payload.kind"],
  ["a signal without a target", bytes({ ...envelope("CANCEL"), target_worker_id: null }), "target_worker_id"],
] as const)("%s is a described problem", ([, value, words]) => {
  expect(decode(value)).toEqual({ problem: expect.stringContaining(words) });
});
