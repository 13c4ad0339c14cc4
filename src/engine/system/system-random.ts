import type { Random } from "../ports/index.ts";

/** For jitter and the like, never for secrets. */
export const systemRandom: Random = () => Math.random();
