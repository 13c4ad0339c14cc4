import { adapterMistakes } from "./adapters.ts";
import { argumentMistakes } from "./arguments.ts";
import { compositionMistakes } from "./composition.ts";
import { controlMistakes } from "./control.ts";
import { definitionMistakes } from "./definitions.ts";
import { edgeMistakes } from "./edges.ts";
import { functionMistakes } from "./functions.ts";
import type { Mistake } from "./mistake.ts";
import { nodeMistakes } from "./nodes.ts";
import { parameterMistakes } from "./parameters.ts";
import { retryMistakes } from "./retries.ts";
import { startMistakes } from "./starts.ts";
import { suggestionMistakes } from "./suggestions.ts";
import { whereMistakes } from "./where.ts";

/** A file of this folder, and the common topic of its mistakes. */
export interface Topic {
  readonly title: string;
  readonly file: string;
  readonly mistakes: readonly Mistake[];
}

/** In the order of the page of all checks. */
export const topics: readonly Topic[] = [
  { title: "Edges", file: "edges.ts", mistakes: edgeMistakes },
  { title: "Nodes", file: "nodes.ts", mistakes: nodeMistakes },
  { title: "How a node reads its input", file: "adapters.ts", mistakes: adapterMistakes },
  { title: "Which batches a node takes", file: "where.ts", mistakes: whereMistakes },
  { title: "Whether a node runs", file: "control.ts", mistakes: controlMistakes },
  { title: "The input adapter that a handler suggests", file: "suggestions.ts", mistakes: suggestionMistakes },
  { title: "When a node starts", file: "starts.ts", mistakes: startMistakes },
  { title: "Arguments", file: "arguments.ts", mistakes: argumentMistakes },
  { title: "Parameters", file: "parameters.ts", mistakes: parameterMistakes },
  { title: "Coordinator functions", file: "functions.ts", mistakes: functionMistakes },
  { title: "Retries", file: "retries.ts", mistakes: retryMistakes },
  { title: "Definitions", file: "definitions.ts", mistakes: definitionMistakes },
  { title: "Subflows", file: "composition.ts", mistakes: compositionMistakes },
];

/**
 * Mistakes that TypeScript rejects, each in a form that also runs. `../mistakes.txt` contains its message for each of
 * them: review it as a user would, and regenerate it with `npx vitest run test-d/errors -u`.
 */
export const mistakes: readonly Mistake[] = topics.flatMap((topic) => topic.mistakes);
