import * as z from "zod";

/** The form of node ids and handler types; without `:`, which separates the parts of message keys. */
export const namePattern = /^[A-Za-z][A-Za-z0-9_.-]{0,127}$/;

/** As keys of an object, these access its prototype rather than its own properties. */
export const forbiddenKeys: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

/** A string that becomes a key of an object: node ids in gathered input, the `target.key` of a result. */
export const safeKey = z
  .string()
  .min(1)
  .refine((key) => !forbiddenKeys.has(key), { error: "must not be __proto__, constructor or prototype" });
