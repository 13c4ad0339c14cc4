import type { InputAdapterDefinition } from "../../definitions/index.ts";

/** Arguments of an adapter besides `from_nodes`, and the payload it makes. */
export interface InputAdapterTypes<TArgs, TPayload> {
  readonly args: TArgs;
  readonly payload: TPayload;
}

/** An input adapter of your own with its types. */
export interface InputAdapter<TName extends string, TArgs, TPayload> extends InputAdapterDefinition {
  readonly name: TName;
  readonly $infer: InputAdapterTypes<TArgs, TPayload>;
}

/** Any of them, for constraints. */
export interface AnyInputAdapter {
  readonly name: string;
  readonly $infer: InputAdapterTypes<unknown, unknown>;
}

/** What every built-in adapter takes. */
export interface PullArgs {
  /**
   * Longest time between two looks at an upstream that has nothing new, in milliseconds.
   *
   * @defaultValue the engine's
   */
  readonly pollMs?: number;
  readonly backoffMaxMs?: number;
  /** Taken for the sake of graphs that have it, and without effect: an input ends when its sources have finished. */
  readonly eofOnTaskDone?: boolean;
}

export interface RechunkArgs extends PullArgs {
  /** How many elements a batch has at most; an integer, 1 or more. */
  readonly size: number;
}

/** Arguments of the built-in adapters besides `from` and `metaListKey`, which carry checks of their own. */
export interface BuiltInAdapters {
  "pull.from_artifacts": PullArgs;
  "pull.from_artifacts.rechunk:size": RechunkArgs;
  "pull.gather": PullArgs;
}

export type AdapterName<TAdapters extends AnyInputAdapter> = keyof BuiltInAdapters | TAdapters["name"];

/** What stands beside `adapter` and `from`; anything for an adapter that isn't known. */
export type AdapterArgs<TAdapter, TAdapters extends AnyInputAdapter> = TAdapter extends keyof BuiltInAdapters
  ? BuiltInAdapters[TAdapter]
  : TAdapter extends TAdapters["name"]
    ? OpenArgs<Extract<TAdapters, { name: TAdapter }>["$infer"]["args"]>
    : { readonly [argument: string]: unknown };

/** `z.object({})` allows no key at all, but `adapter` and `from` stand beside the arguments. */
type OpenArgs<TArgs> = TArgs extends Record<string, never> ? {} : TArgs;

/** Only where it is taken is it offered. */
export type ListKeyOption<TAdapter, TListKey> = TAdapter extends "pull.from_artifacts.rechunk:size"
  ? {
      /** The list under this key of each output is cut. */
      readonly metaListKey?: TListKey;
    }
  : unknown;
