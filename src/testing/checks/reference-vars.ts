import type { Json, JsonObject } from "../../errors/index.ts";
import type { GraphNode } from "../../graph/index.ts";

/* What the variables of a task must be, computed with nothing of the engine's. */

type Vars = Record<string, Json>;

/** The variables after the changes of these nodes, in this order. */
export function varsAfter(nodes: readonly GraphNode[], appliedBy: readonly string[]): JsonObject {
  const vars: Vars = {};
  for (const id of appliedBy) {
    const { fn, fn_args = {} } = nodes.find(({ node_id }) => node_id === id)?.io ?? {};
    if (fn === "vars.incr") vars[String(fn_args.key)] = Number(vars[String(fn_args.key)] ?? 0) + Number(fn_args.by);
    if (fn === "vars.set") for (const [path, value] of Object.entries(fn_args.kv as Vars)) put(vars, path, value);
    if (fn === "vars.merge") {
      for (const [outer, inner] of Object.entries(fn_args.data as Record<string, Vars>)) {
        for (const [key, value] of Object.entries(inner)) put(vars, `${outer}.${key}`, value);
      }
    }
    if (fn === "vars.unset") for (const path of fn_args.keys as readonly string[]) take(vars, path);
  }
  return vars;
}

/** The paths, in one order, that a node's function says it changed; `undefined`: it changes no variables. */
export function changedPaths({ io }: GraphNode): readonly string[] | undefined {
  const { fn, fn_args = {} } = io ?? {};
  if (fn === "vars.incr") return [String(fn_args.key)];
  if (fn === "vars.set") return Object.keys(fn_args.kv as Vars).sort();
  if (fn === "vars.unset") return [...(fn_args.keys as readonly string[])].sort();
  if (fn !== "vars.merge") return undefined;
  return Object.entries(fn_args.data as Record<string, Vars>).flatMap(([outer, inner]) =>
    Object.keys(inner).map((key) => `${outer}.${key}`),
  );
}

function put(vars: Vars, path: string, value: Json): void {
  const [outer, inner] = cut(path);
  if (inner === undefined) vars[outer] = value;
  else {
    const changed = { ...(vars[outer] as Vars | undefined) };
    put(changed, inner, value);
    vars[outer] = changed;
  }
}

function take(vars: Vars, path: string): void {
  const [outer, inner] = cut(path);
  if (vars[outer] === undefined) return;
  const rest = { ...(vars[outer] as Vars) };
  if (inner !== undefined) take(rest, inner);
  if (inner === undefined || Object.keys(rest).length === 0) delete vars[outer];
  else vars[outer] = rest;
}

function cut(path: string): readonly [string, string | undefined] {
  const [outer = "", ...inner] = path.split(".");
  return [outer, inner.length === 0 ? undefined : inner.join(".")];
}
