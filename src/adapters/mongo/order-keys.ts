import { randomBytes } from "node:crypto";

/** Behind all keys. */
export const lastOrderKey = "~";

/**
 * Keys that sort by time, and within a millisecond by the order in which one store made them. Between two stores such a
 * millisecond has no order.
 */
export class OrderKeys {
  readonly #store = randomBytes(4).toString("hex");
  #made = 0;

  /** @param now - the server's clock, in ms */
  next(now: number): string {
    return `${base36(now, 9)}-${base36(this.#made++, 8)}-${this.#store}`;
  }
}

const base36 = (value: number, width: number): string => Math.trunc(value).toString(36).padStart(width, "0");
