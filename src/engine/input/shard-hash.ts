/** FNV-1a, 32 bits: which shard a batch belongs to must be the same on every machine, for ever. */
export function shardOf(uid: string, partitions: number): number {
  if (partitions === 1) return 0;
  let hash = 0x811c9dc5;
  for (let i = 0; i < uid.length; i++) hash = Math.imul(hash ^ uid.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % partitions;
}
