import { AssignerProtocol, type Assignment, type Cluster } from "kafkajs";
import { expect, test } from "vitest";
import { topicAssigner } from "../../../../src/adapters/kafka/consumer-session.ts";

/** The assignment of members with these topics by a leader that sees topics with this many partitions. */
async function assigned(
  members: Readonly<Record<string, readonly string[]>>,
  partitions: Readonly<Record<string, number>>,
  refuse?: Error,
) {
  const warned: string[] = [];
  const cluster = {
    addMultipleTargetTopics: () => (refuse === undefined ? Promise.resolve() : Promise.reject(refuse)),
    findTopicPartitionMetadata: (topic: string) =>
      Array.from({ length: partitions[topic] ?? 0 }, (_, partitionId) => ({ partitionId })),
  } as unknown as Cluster;
  const logger = { warn: (message: string) => void warned.push(message) };
  const assigner = topicAssigner({ cluster, groupId: "g", logger: logger as never });
  const group = Object.entries(members).map(([memberId, topics]) => ({
    memberId,
    memberMetadata: assigner.protocol({ topics: [...topics] }).metadata,
  }));
  const given = await assigner.assign({ members: group, topics: [...(Object.values(members)[0] ?? [])] });
  const byMember: Record<string, Assignment> = {};
  for (const { memberId, memberAssignment } of given) {
    byMember[memberId] = { ...AssignerProtocol.MemberAssignment.decode(memberAssignment)?.assignment };
  }
  return { given: byMember, warned };
}

test("members with the same topics share all partitions evenly, even across topics with one partition", async () => {
  const { given } = await assigned({ b: ["x", "y", "z"], a: ["x", "y", "z"] }, { x: 3, y: 1, z: 2 });
  expect(given).toEqual({ a: { x: [0, 2], z: [0] }, b: { x: [1], y: [0], z: [1] } });
});

test("a topic is assigned to its subscribers, whichever member leads", async () => {
  const members = { leader: ["old"], late: ["new", "old"], third: ["new"] };
  const { given } = await assigned(members, { old: 2, new: 3 });
  const readers = (topic: string) => Object.keys(given).filter((id) => given[id]?.[topic] !== undefined);
  expect(readers("old").toSorted()).toEqual(["late", "leader"]);
  expect(readers("new").toSorted()).toEqual(["late", "third"]);
  const partitionsOf = (topic: string) => Object.values(given).flatMap((assignment) => assignment[topic] ?? []);
  expect(partitionsOf("old").toSorted()).toEqual([0, 1]);
  expect(partitionsOf("new").toSorted()).toEqual([0, 1, 2]);
});

test("a leader that may not access a topic assigns its own, and reports the topics that are not consumed", async () => {
  const refusal = Object.assign(new Error("Not authorized"), { name: "KafkaJSProtocolError", retriable: false });
  const { given, warned } = await assigned({ leader: ["old"], late: ["old", "new"] }, { old: 2 }, refusal);
  expect(given).toEqual({ late: { old: [0] }, leader: { old: [1] } });
  expect(warned).toEqual([expect.stringMatching(/not be consumed: new$/)]);
});

test("a broker that does not answer does not reduce the assignment", async () => {
  const away = Object.assign(new Error("Connection timeout"), { name: "KafkaJSConnectionError", retriable: true });
  await expect(assigned({ leader: ["old"], late: ["new"] }, { old: 1 }, away)).rejects.toBe(away);
});
