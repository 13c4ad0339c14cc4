import {
  adapterName,
  adapterSpellings,
  builtInAdapter,
  commonAdapterArgs,
  spellOutArgs,
  splitArgs,
} from "../../builtins/input-adapters/index.ts";
import type { JsonObject } from "../../errors/index.ts";
import { cut, say, shown } from "../format/messages.ts";
import { isObject } from "../format/plain-data.ts";
import type { Path } from "../format/pointer.ts";
import type { DraftNode } from "../format/shape.ts";
import { coordinatorFnType } from "../format/types.ts";
import { checkArgs } from "./args.ts";
import type { CheckContext } from "./context.ts";
import type { Links } from "./dependencies.ts";
import { type NamedSource, sourcesIn } from "./sources.ts";

/**
 * The input adapter is known and its arguments fit.
 *
 * @returns the nodes that the adapters read from
 */
export function checkInput(context: CheckContext, links: Links): readonly NamedSource[] {
  const known = new Set([...adapterSpellings, ...(context.options.adapters ?? []).map(({ name }) => name)]);
  const read: NamedSource[] = [];
  for (const node of context.draft.nodes) {
    const inline = node.facets.input_inline;
    if (inline === undefined || node.facets.type === coordinatorFnType) continue;
    const path = node.pathOf("input_inline");
    if (inline.input_adapter !== undefined) {
      for (const source of checkAdapter(context, { node, links, known, path })) read.push(source);
    } else if (inline.input_args !== undefined) {
      const message = say("argsWithoutAdapter", { node: node.name });
      context.findings.add({ code: "GRAPH_ADAPTER_ARGS", path: [...path, "input_args"], message });
    }
  }
  return read;
}

const sourceKeys = ["from_nodes", "from"];

interface AdapterUse {
  readonly node: DraftNode;
  readonly links: Links;
  readonly known: ReadonlySet<string>;
  /** Of `input_inline`. */
  readonly path: Path;
}

function checkAdapter({ options, findings }: CheckContext, use: AdapterUse): readonly NamedSource[] {
  const { node, path } = use;
  const { input_adapter: written = "", input_args: given = {} } = node.facets.input_inline ?? {};
  const name = adapterName(written);
  const custom = options.adapters?.find((adapter) => adapter.name === written);
  const argsPath = [...path, "input_args"];
  const { args, spelling } = readAlias(given, { node, argsPath, findings });
  const builtIn = custom === undefined ? builtInAdapter(name) : undefined;
  if (custom === undefined && builtIn === undefined) {
    const message = say("unknownInputAdapter", { node: node.name, adapter: cut(written) });
    const near = { word: written, among: use.known };
    findings.add({ code: "GRAPH_UNKNOWN_ADAPTER", path: [...path, "input_adapter"], message, near });
  } else {
    const code = "GRAPH_ADAPTER_ARGS";
    const check = {
      path: argsPath,
      owner: `node '${node.name}'`,
      name: `adapter '${cut(written)}'`,
      code,
      sourceKeys,
    } as const;
    if (builtIn !== undefined) {
      checkArgs({ ...check, schema: builtIn.args, args }, findings);
    } else if (custom !== undefined) {
      const { common, own } = splitArgs(args);
      checkArgs({ ...check, schema: commonAdapterArgs, args: common }, findings);
      checkArgs({ ...check, schema: custom.args, args: own, sourceKeys: [] }, findings);
    }
  }
  const named = sourcesIn(args, { node, args: argsPath, spelling });
  if (named.length === 0 && !says(given) && isRoot(use)) {
    const message = say("nothingToRead", { node: node.name, adapter: cut(written) });
    findings.add({ code: "GRAPH_FROM_NODES", path: [...path, "input_adapter"], message });
  }
  return named;
}

const says = (args: JsonObject): boolean => ["from_nodes", "from_node", "from"].some((key) => Object.hasOwn(args, key));

function isRoot({ node, links }: AdapterUse): boolean {
  return links.declared[node.index]?.names.length === 0 && !links.incomplete.has(node.index);
}

interface AliasPlace {
  readonly node: DraftNode;
  readonly argsPath: Path;
  readonly findings: CheckContext["findings"];
}

/** `from_node` taken for what it means, and reported where it is ill-typed or stands beside `from_nodes`. */
function readAlias(
  given: JsonObject,
  { node, argsPath, findings }: AliasPlace,
): { readonly args: JsonObject; readonly spelling: "from_node" | "from_nodes" } {
  const alias = given.from_node;
  if (alias === undefined) return { args: given, spelling: "from_nodes" };
  const path = [...argsPath, "from_node"];
  const { from_node: _, ...rest } = given;
  if (isObject(given) && Object.hasOwn(given, "from_nodes")) {
    const message = say("aliasBesides", { node: node.name });
    findings.add({ code: "GRAPH_ADAPTER_ARGS", path, message });
    return { args: rest, spelling: "from_nodes" };
  }
  if (typeof alias !== "string") {
    const values = {
      owner: `node '${node.name}'`,
      name: "input_args",
      key: "from_node ",
      expected: "must be a node id",
    };
    const message = say("illShapedArgs", { ...values, actual: shown(alias) });
    findings.add({ code: "GRAPH_FROM_NODES", path, message });
    return { args: rest, spelling: "from_nodes" };
  }
  return { args: spellOutArgs(given), spelling: "from_node" };
}
