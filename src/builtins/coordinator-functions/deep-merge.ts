import { isOwnedObject, type OwnedJson, ownValue } from "./owned-json.ts";

/*
 * Deep merge of two values at one position. Objects merge key by key; if the two are of different kinds, or neither is
 * an object, the later one wins. The functions differ in how they merge two lists.
 *
 * Merging is associative if all values at a position are of one kind (all objects, all lists, all others). For mixed
 * kinds it is not, under any rule: `{ a: 1 }`, `5`, `{ b: 2 }` gives `{ b: 2 }` from the left, and `{ a: 1, b: 2 }`
 * from the right. So values are always merged from the first to the last.
 */

type Merge = (earlier: OwnedJson, later: OwnedJson) => OwnedJson;

/**
 * The later list replaces the earlier one. Consumes both arguments: the result is built from them.
 *
 * @example
 * mergeOverwriting({ a: { x: 1, list: [1] } }, { a: { y: 2, list: [2] } }) // { a: { x: 1, list: [2], y: 2 } }
 */
export const mergeOverwriting: Merge = merger((_earlier, later) => later);

/**
 * The later list is appended to the earlier one. Consumes both arguments: the result is built from them.
 *
 * @example
 * mergeConcatenating({ rows: [1], day: "Mon" }, { rows: [2], day: "Tue" }) // { rows: [1, 2], day: "Tue" }
 */
export const mergeConcatenating: Merge = merger((earlier, later) => {
  for (const item of later) earlier.push(item); // not push(...later): a long list would overflow the stack
  return earlier;
});

function merger(mergeLists: (earlier: OwnedJson[], later: OwnedJson[]) => OwnedJson[]): Merge {
  return function merge(earlier, later) {
    if (Array.isArray(earlier) && Array.isArray(later)) return mergeLists(earlier, later);
    if (!isOwnedObject(earlier) || !isOwnedObject(later)) return later;
    for (const [key, value] of Object.entries(later)) {
      const present = ownValue(earlier, key);
      earlier[key] = present === undefined ? value : merge(present, value);
    }
    return earlier;
  };
}
