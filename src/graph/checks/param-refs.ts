import { say } from "../messages.ts";
import { argumentsOf, type FoundRef, refsIn } from "../param-refs.ts";
import { hasParam, paramNames } from "../params-schema.ts";
import { cut, shown } from "../quoted.ts";
import type { CheckContext } from "./context.ts";

/** Parameter references have their form, and name what `params_schema` has. */
export function checkParamRefs({ draft, findings }: CheckContext): void {
  const schema = draft.paramsSchema;
  const known = schema === undefined ? new Set<string>() : paramNames(schema);
  for (const node of draft.nodes) {
    for (const { key, value } of argumentsOf(node.facets)) {
      const top = node.pathOf(key);
      for (const ref of refsIn(value, top)) {
        const whole = ref.path.length === top.length;
        const message = whole ? say("refForAll", { node: node.name, key }) : faultOf(ref, node.name);
        if (message !== undefined) {
          findings.add({ code: "GRAPH_PARAM_REF", path: ref.path, message });
        } else if (schema !== undefined && ref.name !== undefined && !hasParam(schema, ref.name)) {
          findings.add({
            code: "GRAPH_PARAM_REF",
            path: ref.path,
            message: say("refUnknown", { node: node.name, name: cut(ref.name.join(".")) }),
            near: { word: ref.name[0] ?? "", among: known },
          });
        }
      }
    }
  }
}

function faultOf(ref: FoundRef, node: string): string | undefined {
  if (ref.name === undefined) return say("refIllShaped", { node, ref: shown(ref.value) });
  return ref.alone ? undefined : say("refNotAlone", { node });
}
