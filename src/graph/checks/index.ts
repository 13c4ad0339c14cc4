import { components } from "../format/topology.ts";
import { checkParamRefs } from "./args.ts";
import type { CheckContext } from "./context.ts";
import { checkData } from "./data.ts";
import { checkStart, linkNodes } from "./dependencies.ts";
import { checkEdges } from "./edges.ts";
import { checkFunctions } from "./functions.ts";
import { checkInput } from "./input.ts";
import { checkCycles, checkIds, checkTypes } from "./nodes.ts";
import { checkParamsSchema } from "./params-schema.ts";
import { checkSources } from "./sources.ts";

export type { CheckContext, NamedArgs, ValidateOptions } from "./context.ts";

/** Every check that needs more than one value in view, each on whatever of the graph can be read. */
export function runChecks(context: CheckContext): void {
  const doubled = checkIds(context);
  checkTypes(context);
  const links = linkNodes(context);
  const groups = components(links.parents);
  checkEdges(context, { links, doubled });
  checkCycles(context, { links, groups });
  checkStart(context, links);
  const sources = [...checkInput(context, links), ...checkFunctions(context)];
  checkSources(context, { sources, links, groups });
  checkParamsSchema(context);
  checkParamRefs(context);
  checkData(context, links);
}
