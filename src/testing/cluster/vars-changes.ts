import type { Json, JsonObject } from "../../errors/index.ts";
import type { GraphNode } from "../../graph/index.ts";
import type { SeededRandom } from "../scheduler/seeded-random.ts";

/* The functions that change variables: how calls are drawn, and the expected variables, without any engine code. */

type Vars = Record<string, Json>;

interface VarsFunction<TArgs> {
  /** Draws arguments that write variables which others write, too, so that the order of writes is visible. */
  draw(value: number, random: SeededRandom): TArgs;
  change(vars: Vars, args: TArgs): void;
  /** The paths that it reports as changed. */
  paths(args: TArgs): readonly string[];
}

const varsFunction = <TArgs>(fn: VarsFunction<TArgs>): VarsFunction<TArgs> => fn;

const sharedPaths = ["shared.last", "shared.deep.last", "shared.merged1", "shared.merged2", "shared.merged3"] as const;

const varsFunctions: { readonly [fn: string]: VarsFunction<JsonObject> } = {
  "vars.incr": varsFunction<{ readonly key: string; readonly by: number }>({
    draw: (value) => ({ key: "count", by: value }),
    change(vars, { key, by }) {
      vars[key] = Number(vars[key] ?? 0) + by;
    },
    paths: ({ key }) => [key],
  }),
  "vars.set": varsFunction<{ readonly kv: Vars }>({
    draw: (value) => ({ kv: { "shared.last": value, "shared.deep.last": value, last: value } }),
    change(vars, { kv }) {
      for (const [path, value] of Object.entries(kv)) put(vars, path, value);
    },
    paths: ({ kv }) => Object.keys(kv).sort(),
  }),
  "vars.merge": varsFunction<{ readonly data: Readonly<Record<string, Vars>> }>({
    draw: (value) => ({ data: { shared: { [`merged${value}`]: value } } }),
    change(vars, { data }) {
      for (const [outer, inner] of Object.entries(data)) {
        for (const [key, value] of Object.entries(inner)) put(vars, `${outer}.${key}`, value);
      }
    },
    paths: ({ data }) =>
      Object.entries(data).flatMap(([outer, inner]) => Object.keys(inner).map((key) => `${outer}.${key}`)),
  }),
  "vars.unset": varsFunction<{ readonly keys: readonly string[] }>({
    draw: (_, random) => ({ keys: random.chance(0.5) ? sharedPaths : [random.pick(sharedPaths)] }),
    change(vars, { keys }) {
      for (const path of keys) take(vars, path);
    },
    paths: ({ keys }) => [...keys].sort(),
  }),
};

/** A call of one of them, often of `vars.incr`. */
export function drawVarsChange(random: SeededRandom): { readonly fn: string; readonly fn_args: JsonObject } {
  const value = 1 + random.int(3);
  const calls = Object.entries(varsFunctions).map(([fn, { draw }]) => ({ fn, fn_args: draw(value, random) }));
  return random.pick([...calls.filter(({ fn }) => fn === "vars.incr"), ...calls]);
}

/** The variables after these nodes' changes, in this order. */
export function varsAfter(nodes: readonly GraphNode[], appliedBy: readonly string[]): JsonObject {
  const vars: Vars = {};
  for (const id of appliedBy) {
    const { fn = "", fn_args = {} } = nodes.find(({ node_id }) => node_id === id)?.io ?? {};
    varsFunctions[fn]?.change(vars, fn_args);
  }
  return vars;
}

/** The sorted paths that a node's function reports as changed; `undefined` if it changes no variables. */
export function changedPaths({ io }: GraphNode): readonly string[] | undefined {
  return varsFunctions[io?.fn ?? ""]?.paths(io?.fn_args ?? {});
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
