import * as z from "zod";

/** The form of node ids and of handler types. No `:`, which separates the parts of message keys. */
export const namePattern = /^[A-Za-z][A-Za-z0-9_.-]{0,127}$/;

/** As keys of an object these reach its prototype instead of its own data. */
export const forbiddenKeys: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

/** A string that becomes the key of an object somewhere: node ids in gathered input, a result's `target.key`. */
export const safeKey = z
  .string()
  .min(1)
  .refine((key) => !forbiddenKeys.has(key), { error: "must not be __proto__, constructor or prototype" });
