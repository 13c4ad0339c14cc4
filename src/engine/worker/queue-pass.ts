import type { EpochRef } from "../model.ts";
import { shardKey } from "../model.ts";
import type { QueuedRef } from "../ports/index.ts";
import type { Full } from "./running-limits.ts";

/** More than this many attempts that wait for a limit of their own node aren't looked past in one go. */
const mostPassedOver = 1_000;

/**
 * One look through the queue: what was found to be held up by a full limit isn't asked for again, so that what stands
 * behind it gets its turn.
 */
export class QueuePass {
  readonly exceptTasks = new Set<string>();
  readonly #fullTypes = new Set<string>();
  readonly #passedOver = new Set<string>();
  #allFull = false;

  get heldUpAny(): boolean {
    return this.#allFull || this.#fullTypes.size + this.exceptTasks.size + this.#passedOver.size > 0;
  }

  /** Of these types, those that may have something to take. */
  openTypes(types: readonly string[]): readonly string[] {
    if (this.#allFull || this.#passedOver.size >= mostPassedOver) return [];
    return this.#fullTypes.size === 0 ? types : types.filter((type) => !this.#fullTypes.has(type));
  }

  /** How many to ask for, to see this many new ones. */
  limitFor(wanted: number): number {
    return wanted + this.#passedOver.size;
  }

  unseen(queued: readonly QueuedRef[]): readonly QueuedRef[] {
    return this.#passedOver.size === 0 ? queued : queued.filter((ref) => !this.#passedOver.has(keyOf(ref)));
  }

  heldUp(ref: EpochRef, by: Full): void {
    if (by.kind === "all") this.#allFull = true;
    else if (by.kind === "type") this.#fullTypes.add(by.of);
    else if (by.kind === "task") this.exceptTasks.add(by.of);
    else this.#passedOver.add(keyOf(ref));
  }
}

const keyOf = (ref: EpochRef): string => `${shardKey(ref)}:${ref.epoch}`;
