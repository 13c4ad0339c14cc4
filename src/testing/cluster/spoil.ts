/**
 * Mutates a received value deeply, as careless code does. Frozen values stay as they are; all others must belong to the
 * caller alone.
 */
export function spoil(value: unknown): void {
  if (typeof value !== "object" || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    spoil(inner);
    if (typeof inner !== "object") Reflect.set(value, key, "spoiled");
  }
  if (Array.isArray(value)) Reflect.set(value, value.length, "spoiled");
  else Reflect.set(value, "spoiled", true);
}
