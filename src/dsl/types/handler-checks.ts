import type { JoinList } from "../../graph/join.ts";
import type { Say } from "../../graph/messages.ts";
import type { AnyInputAdapter } from "./adapter.ts";
import type { ArgsOf, ArgsProblem, InputOf, RootArgs } from "./args-checks.ts";
import type { AnyHandler } from "./handler.ts";
import type { InputText } from "./input-checks.ts";
import type { Absent, OrError } from "./markers.ts";
import type { IsAssignable, PayloadOf } from "./payload.ts";
import type { NodeRecords } from "./state.ts";

/*
 * The checks of a node's parts. Each takes what was inferred from the argument and gives it back when it is right;
 * else it gives what would be right (for completions and "Did you mean") together with a sentence.
 * Constraints stay loose: a hard constraint that fails replaces the inferred type by the constraint, and then every
 * other check of the call reports nonsense.
 */

/**
 * Judged on the handler: everything that has no token of its own, which is an edge to the node before and missing args.
 * `TArgKeys` are the args that were written.
 */
export type HandlerArgument<
  THandler extends AnyHandler,
  TId extends string,
  TNodes extends NodeRecords,
  TAfter,
  TParents extends readonly string[],
  TAdapter,
  TFrom,
  TListKey,
  TFanIn,
  TArgKeys,
  TAdapters extends AnyInputAdapter,
> = OrError<
  THandler,
  HandlerProblem<THandler, TId, TNodes, TAfter, TParents, TAdapter, TFrom, TListKey, TFanIn, TArgKeys, TAdapters>
>;

type HandlerProblem<
  THandler extends AnyHandler,
  TId extends string,
  TNodes extends NodeRecords,
  TAfter,
  TParents extends readonly string[],
  TAdapter,
  TFrom,
  TListKey,
  TFanIn,
  TArgKeys,
  TAdapters extends AnyInputAdapter,
> = TParents["length"] extends 0
  ? ArgsProblem<THandler, TId, RootArgs<THandler>, TArgKeys>
  : InputOf<THandler> extends Absent
    ? Say<"sourceWithUpstream", { node: TId; handler: THandler["name"]; parent: JoinList<TParents, ", "> }>
    : TAfter extends Absent
      ? [TFrom, TListKey] extends [Absent, Absent]
        ? IsAssignable<
            PayloadOf<TNodes, TParents, TAdapter, TFrom, TListKey, TFanIn, TAdapters>,
            InputOf<THandler>
          > extends true
          ? ArgsProblem<THandler, TId, ArgsOf<THandler>, TArgKeys>
          : InputText<
              THandler,
              TId,
              TNodes,
              TParents,
              TAdapter extends Absent ? "pull.from_artifacts" : TAdapter,
              TFrom,
              TFanIn,
              TAdapters
            >
        : ArgsProblem<THandler, TId, ArgsOf<THandler>, TArgKeys>
      : ArgsProblem<THandler, TId, ArgsOf<THandler>, TArgKeys>;
