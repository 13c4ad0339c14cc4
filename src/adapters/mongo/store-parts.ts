import type { OrderKeys } from "./order-keys.ts";
import type { Session } from "./session.ts";

/** What the rooms of one MongoDB store share. */
export interface StoreParts {
  readonly session: Session;
  readonly orderKeys: OrderKeys;
}

/** Ids come from outside: what isn't a string would be an operator. */
export function checkedId(id: string): string {
  if (typeof id !== "string") throw new TypeError(`an id must be a string, got ${typeof id}`);
  return id;
}
