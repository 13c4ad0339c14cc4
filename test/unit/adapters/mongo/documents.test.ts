import { ObjectId } from "mongodb";
import { expect, test } from "vitest";
import { batchUid, uidOf } from "../../../../src/adapters/mongo/format/documents.ts";
import { shardRecords } from "../../../../src/adapters/mongo/format/records.ts";
import { createShard } from "../../../../src/core/model/index.ts";

const row = (_id: unknown, batch_uid: string, generation: number) => ({ _id: _id as string, batch_uid, generation });

test.each([
  ["a", 0],
  ["a", 2],
  ["a.g2", 0],
  ["a.g2", 2],
  ["__complete__.0.0", 1],
])("the uid '%s' of generation %i is read back from its row", (uid, generation) => {
  expect(uidOf(row("t:n:0:0:0", batchUid(uid, generation), generation))).toBe(uid);
});

test("an external worker's row keeps its name in any generation", () => {
  for (const generation of [0, 1, 2]) {
    expect(uidOf(row(new ObjectId(), "read/a.g1", generation))).toBe("read/a.g1"); // the row name of a batch of FlowKit's
    expect(uidOf(row(new ObjectId(), "read/a", generation))).toBe("read/a");
  }
});

test("a shard of a retry is read back with what its log begins with", () => {
  const log = { taskId: "s", nodeId: "n", shard: 1, generation: 2, length: 3, aside: 1 };
  const carried = { log, sourceGens: { "a/0": 1 }, checkpoint: { $set: 1 }, checkpointIndex: 4 };
  const ref = { taskId: "t", nodeId: "n", shard: 1 };
  const record = createShard(ref, { type: "n", priority: 0, status: "queued", at: 5, carried });
  const document = shardRecords.toDocument(record);
  expect(document.carried).toEqual({ task_id: "s", node_id: "n", shard: 1, generation: 2, length: 3, aside: 1 });
  expect(shardRecords.toRecord(document)).toEqual(record);
});
