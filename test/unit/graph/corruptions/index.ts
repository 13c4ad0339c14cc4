import type { Corruption } from "./corruption.ts";
import { inStructure } from "./structure.ts";
import { inWork } from "./work.ts";

export const corruptions: readonly Corruption[] = [...inStructure, ...inWork];
