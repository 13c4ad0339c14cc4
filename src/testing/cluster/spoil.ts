/**
 * Does to a value what careless code does to what it got: changes it in place, to the bottom. What is frozen stays as it
 * is; what is not must be the caller's own.
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
