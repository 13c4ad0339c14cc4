import { hash } from "node:crypto";

/** A uid longer than this is cut and gets a hash: uids grow along a chain of nodes, the store's keys must not. */
const maxLength = 200;
const keptLength = 120;

/**
 * The uid of a consumer's batch, derived from where it came from. Unique in the node: `/` is in no node id, so the
 * first one ends the node; a chunk index has no dot, so the last dot begins it. With a single source that is taken
 * batch by batch the uid stays what it is: a batch keeps its name along a chain.
 */
export function consumerUid(from: {
  readonly nodeId: string;
  readonly uid: string;
  /** Index within the artifact; absent when the adapter takes artifacts whole. */
  readonly chunk?: number;
  readonly onlySource: boolean;
}): string {
  const named = from.onlySource ? from.uid : `${from.nodeId}/${from.uid}`;
  const uid = from.chunk === undefined ? named : `${named}.${from.chunk}`;
  return uid.length <= maxLength ? uid : `${uid.slice(0, keptLength)}#${hash("sha256", uid, "hex")}`;
}
