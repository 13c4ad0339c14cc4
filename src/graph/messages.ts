/**
 * The words of every check that exists both in the compiler and at run time. The type level fills the same
 * sentences in (see `Say`), so a message can't differ between the two.
 */
export const messages = {
  duplicateNode: "node id '{id}' is already used in this flow",
  unknownDependency: "node '{node}': '{id}' is not a node declared before it",
  fromOutsideAfter: "node '{node}' reads from '{id}', which is not in its 'after'",
  fanInTooMany: "node '{node}' waits for {parents} node(s): fanIn '{fanIn}' cannot be met",
  rootFirstBatch: "node '{node}' is a root: startWhen 'first_batch' needs an upstream node",
  emptyFlow: "this flow has no nodes: add one with .node(id, handler) before compile()",
  unknownAdapter: "'{adapter}' is not an input adapter of this flow",
} as const;

export type MessageKey = keyof typeof messages;

type Values = { readonly [name: string]: string | number };

/** Type level: the sentence with its blanks filled in. */
export type Say<TKey extends MessageKey, TValues extends Values> = Fill<(typeof messages)[TKey], TValues>;

type Fill<TText extends string, TValues extends Values> = TText extends `${infer THead}{${infer TName}}${infer TRest}`
  ? `${THead}${TName extends keyof TValues ? TValues[TName] : never}${Fill<TRest, TValues>}`
  : TText;

/**
 * Run time: the same.
 *
 * @example
 * say("duplicateNode", { id: "extract" }) // "node id 'extract' is already used in this flow"
 */
export function say<TKey extends MessageKey>(key: TKey, values: Values): string {
  return messages[key].replace(/\{(\w+)\}/g, (blank, name: string) => String(values[name] ?? blank));
}
