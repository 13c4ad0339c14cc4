import { AssignerProtocol, type Cluster, type GroupMember, type PartitionAssigner } from "kafkajs";
import { isRefusal } from "./driver-error.ts";

const { MemberAssignment, MemberMetadata } = AssignerProtocol;
const version = 0;

interface Listener {
  readonly memberId: string;
  readonly topics: ReadonlySet<string>;
}

/**
 * Hands each partition to a member that listens to its topic. The driver's own assigner hands the topics of the member
 * that happens to lead the group to anybody: where members have different ones, as while processes are exchanged for
 * newer ones, some would be read by nobody.
 */
export const topicAssigner: PartitionAssigner = ({ cluster, logger }) => ({
  name: "RoundRobinAssigner", // as the driver's is called, so that members with that one can be in the group
  version,

  protocol({ topics }) {
    return { name: this.name, metadata: MemberMetadata.encode({ version, topics, userData: Buffer.alloc(0) }) };
  },

  async assign({ members, topics: own }) {
    const listeners = members.map(listenerOf).toSorted((a, b) => (a.memberId < b.memberId ? -1 : 1));
    const topics = [...new Set(listeners.flatMap((listener) => [...listener.topics]))].toSorted();
    try {
      await cluster.addMultipleTargetTopics(topics);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      const others = topics.filter((topic) => !own.includes(topic)).join(", ");
      logger.warn(`This member leads its group and may not see topics of other members: nobody reads ${others}`, {
        error,
      });
    }
    return [...handedOut(cluster, topics, listeners)].map(([memberId, assignment]) => ({
      memberId,
      memberAssignment: MemberAssignment.encode({ version, assignment, userData: Buffer.alloc(0) }),
    }));
  },
});

function listenerOf({ memberId, memberMetadata }: GroupMember): Listener {
  return { memberId, topics: new Set(MemberMetadata.decode(memberMetadata)?.topics) };
}

/** One partition after another, each to the next in turn of those that listen to its topic. */
function handedOut(
  cluster: Pick<Cluster, "findTopicPartitionMetadata">,
  topics: readonly string[],
  listeners: readonly Listener[],
): ReadonlyMap<string, Record<string, number[]>> {
  const assignments = new Map<string, Record<string, number[]>>();
  let turn = 0;
  for (const topic of topics) {
    const takers = listeners.filter((listener) => listener.topics.has(topic));
    for (const { partitionId } of cluster.findTopicPartitionMetadata(topic)) {
      const { memberId } = takers[turn++ % takers.length] as Listener;
      const assignment = assignments.get(memberId) ?? {};
      assignments.set(memberId, assignment);
      assignment[topic] = [...(assignment[topic] ?? []), partitionId];
    }
  }
  return assignments;
}
