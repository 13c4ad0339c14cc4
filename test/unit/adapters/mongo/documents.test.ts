import { ObjectId } from "mongodb";
import { expect, test } from "vitest";
import { batchUid, uidOf } from "../../../../src/adapters/mongo/driver/documents.ts";

const row = (_id: unknown, batch_uid: string, generation: number) => ({ _id: _id as string, batch_uid, generation });

test.each([
  ["a", 0],
  ["a", 2],
  ["a.g2", 0],
  ["a.g2", 2],
  ["__complete__.0.0", 1],
])("the uid '%s' of generation %i comes back from its row", (uid, generation) => {
  expect(uidOf(row("t:n:0:0:0", batchUid(uid, generation), generation))).toBe(uid);
});

test("a row of another program keeps its name, whatever generation it was made part of", () => {
  for (const generation of [0, 1, 2]) {
    expect(uidOf(row(new ObjectId(), "read/a.g1", generation))).toBe("read/a.g1"); // of a batch of ours, as rows call it
    expect(uidOf(row(new ObjectId(), "read/a", generation))).toBe("read/a");
  }
});
