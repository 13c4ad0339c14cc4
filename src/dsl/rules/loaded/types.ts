import type { HandlerDefinition } from "../../../definitions/index.ts";
import type { Join, MessageText } from "../../../graph/format/messages.ts";
import type { coordinatorFnType } from "../../../graph/index.ts";
import type { WrongType } from "../../model/markers.ts";

/*
 * What the compiler reads from a graph JSON that is a literal. Each look-up is by node id or by type and names only what it
 * needs (`extends { readonly type: infer T }`), because a graph JSON may take any form that the graph contract allows.
 */

/* The least that the compiler requires of a graph JSON; the rest is checked when it is loaded. */
export interface GraphSource {
  readonly nodes: readonly object[];
}

/* Handlers with or without their types: those of `flow.handlers` have none. */
export type GivenHandlers = readonly HandlerDefinition[] | Readonly<Record<string, HandlerDefinition>>;

export type NodeIn<TGraph extends GraphSource> = TGraph["nodes"][number];
export type IdOf<TNode> = TNode extends { readonly node_id: infer TId extends string } ? TId : never;
export type TypeOf<TNode> = TNode extends { readonly type: infer TType extends string } ? TType : never;

/* False for a JSON from `JSON.parse`, from a file, or from a variable without `as const`. */
export type IsLiteral<TGraph extends GraphSource> = [IdOf<NodeIn<TGraph>>] extends [never]
  ? false
  : string extends IdOf<NodeIn<TGraph>>
    ? false
    : true;

/* Each handler, or the message that no node has its type. */
export type HandlersArgument<THandlers, TGraph extends GraphSource> =
  IsLiteral<TGraph> extends true
    ? { [TKey in keyof THandlers]: HandlerArgument<THandlers[TKey], TypeOf<NodeIn<TGraph>>> }
    : THandlers;

type HandlerArgument<THandler, TTypes extends string> = THandler extends { readonly name: infer TName extends string }
  ? string extends TName
    ? THandler
    : TName extends TTypes
      ? THandler
      : WrongType<
          MessageText<
            "handlerOfNoType",
            { handler: TName; types: Join<Exclude<TTypes, typeof coordinatorFnType>, ", "> }
          >
        >
  : THandler;
