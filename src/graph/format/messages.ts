/**
 * The messages of the checks. Types use the same sentences (see `MessageText`), so that the compiler and the run time
 * report a mistake in the same words.
 */
export const messages = {
  duplicateNode: "node id '{id}' is already used in this flow",
  unknownDependency: "node '{node}': '{id}' is not a node declared before it",
  fromOutsideAfter: "node '{node}' reads from '{id}', which is not in its 'after'",
  fanInTooMany: "node '{node}' waits for {parents} node(s): fanIn '{fanIn}' cannot be met",
  rootStartWhen: "node '{node}' is a root: a startWhen other than 'ready' needs an upstream node",
  emptyFlow: "this flow has no nodes: add one with .node(id, handler) before compile()",
  unknownAdapter: "'{adapter}' is not an input adapter of this flow",
  notJson: "{owner} '{name}': its {what} cannot be stored as JSON: {where}",
  idNotLiteral: "a node id must be a string literal, so that later nodes can refer to it",
  parentNotLiteral: "node '{node}': an id in 'after' is not a string literal: add 'as const' to the id itself",
  idForm:
    "invalid node id '{id}': must start with a letter, then letters, digits, '_', '.' or '-', at most 128 characters",
  nameForbidden: "{what} '{name}' is not allowed: as a key of an object, it could change the object's prototype",
  edge: "edge '{from}' -> '{to}': {why}",
  adapterInput: "input of '{node}': {why}",
  mismatch: "{path} is {given}, needs {needed}",
  keyMissing: "{path} is missing (needs {needed})",
  keyMayBeMissing: "{path} may be missing (needs {needed})",
  keyNotTaken: "unexpected key {path} (its schema accepts no other keys)",
  sourceWithUpstream:
    "node '{node}': handler '{handler}' declares no input (it is a source), so it cannot depend on '{parent}'",
  argsMissing: "node '{node}': handler '{handler}' needs args (missing: {keys})",
  rootInputMissing:
    "node '{node}' is a root: pass the input of handler '{handler}' as args (missing: {keys}), or add a parent",
  rootInputNotObject: "node '{node}': the input of handler '{handler}' is {type}, so it cannot be a root: add a parent",
  unknownSource: "node '{node}' reads from '{id}', which is not a node declared before it",
  aliasesOnlyGather: "adapter '{adapter}' requires 'from' as a list; only 'pull.gather' accepts aliases",
  listKeyNotTaken: "adapter '{adapter}' does not accept 'metaListKey'",
  notAList: "node '{node}': '{key}' is not a list in every output of: {from}",
  rootFanIn: "node '{node}' is a root: fanIn '{fanIn}' needs upstream nodes",
  rootInput: "node '{node}' is a root: 'input' has nothing to read",
  // patterns
  patternKey: "{path} is not a key of the data, which has {keys}",
  patternNoKeys: "{path} is not a key of the data, which has none",
  patternValue: "{path} cannot be {given}: it is {known}",
  whenEarly: "node '{node}' starts with the first batch of its parents, so its when cannot ask for their {key}",
  whenNever: "node '{node}': its when can never hold",
  endedNotOutcomes: "node '{node}' starts when its parents have ended, so it must read them with 'pull.outcomes'",
  endedFunction: "node '{node}' is a coordinator function, so it cannot start when its parents have ended",
  outcomesNotEnded: "node '{node}' reads with 'pull.outcomes', so it must have startWhen 'ended'",
  outcomeNotParent: "node '{node}' reads the outcome of '{id}', which is not one of its parents",
  waitStreams: "node '{node}' waits for a signal, so it cannot start with the first batch of its parents",
  waitDelayed: "node '{node}' waits for a signal, so it cannot have a delay",
  waitWithoutTimeout: "node '{node}': on_timeout needs a timeout_sec",
  waitOnTimeout: "node '{node}': the value that it stores after its timeout does not match its payload: {why}",
  payloadRef: "node '{node}': a parameter cannot be a part of its payload schema (write $$ref for a literal key $ref)",
  patternNothing: "node '{node}': no batch of '{from}' matches its where",
  whereOnRoot: "node '{node}' is a root: 'where' has nothing to choose from",
  whereTaken: "node '{node}': adapter '{adapter}' has an argument 'where' of its own, so the node cannot have one",
  unknownCaseSource: "'{id}' is not a node declared before exhaustive('{id}', ...)",
  caseKey: "'{key}' is not a key of what '{from}' stores, which has {keys}",
  caseNowhere: "edge '{from}': {key} {value} goes nowhere",
  caseOpen: "'{key}' of '{from}' is {type}, which has no cases: a node must take the rest (where {key}: not(...))",
  unknownFunction: "node '{node}': '{fn}' is not a built-in coordinator function",
  fnArgsMissing: "node '{node}': fn '{fn}' needs args (missing: {keys})",
  fnArgUnknown: "node '{node}': fn '{fn}' does not accept argument '{key}'",
  fnArgType: "node '{node}': fn '{fn}': {why}",
  unknownParam: "'{param}' is not a parameter of this flow",
  paramType: "parameter '{param}' is {is}, '{key}' needs {needs}",
  paramInText:
    "param('{param}') is filled in when a task is created and cannot be part of a text: pass it as an argument of its own",
  flowOption: "flow(): '{option}' must be {needs}",
  flowAwaited: "a flow is not a promise: do not await it or return it from an async function (return { flow } instead)",
  handlerName:
    "invalid handler name '{name}': must start with a letter, then letters, digits, '_', '.' or '-', at most 128 characters",
  handlerNameReserved: "handler name '{name}' is reserved for nodes that coordinators run: choose another name",
  handlerOptions: "handler '{handler}': its definition must be an object",
  handlerMember: "handler '{handler}': unknown property '{member}'",
  handlerMemberType: "handler '{handler}': '{member}' must be {needs}",
  handlerNeeds: "handler '{handler}' needs '{member}'",
  suggestionUnread: "handler '{handler}': 'inputAdapter' requires an 'input'",
  suggestionUnknown:
    "handler '{handler}': '{adapter}' is not a built-in input adapter; pass your own as the result of defineInputAdapter()",
  definitionName: "invalid name '{name}' for {what}: {why}",
  schemaWithoutJson: "a schema that can be described as JSON Schema: {why}",
  definitionMember: "{what} '{name}': '{member}' must be {needs}",
  notADefinition: "node '{node}' needs a definition made by {maker}()",
  nameTaken: "node '{node}': another definition in this flow is already named '{name}'",
  optionType: "node '{node}': '{option}' must be {needs}",
  unknownOption: "node '{node}': unknown option '{option}'",
  permanentOnUnknown: "node '{node}': '{code}' is not a reason code of handler '{handler}' or of the engine",
  mergeTarget: "node '{node}' stores the merged result under its own id: its target cannot be '{id}'",
  fnPermanentOnUnknown: "node '{node}': '{code}' is not a reason code of fn '{fn}' or of the engine",
  reservedArgument: "node '{node}': argument name '{key}' is reserved for input routing",
  argUnknown: "node '{node}': handler '{handler}' does not accept argument '{key}'",
  argIllTyped: "node '{node}': {where}",
  // fromGraph()
  loadOption: "fromGraph(): '{option}' must be {needs}",
  handlerOfNoType: "handler '{handler}': the graph has no node of this type; its types are: {types}",
  schemasOfNoType: "schemas.{type}: the graph has no node of this type; its types are: {types}",
  twoOfOneName: "two different {what} are named '{name}'",
  contradictsGraph: "{what}: {part} does not match the graph's schema: {why}",
  // subflows
  asHandlerFlow: "asHandler() needs a flow built with flow()",
  asHandlerName: "asHandler() needs a flow with a name: flow(name, options)",
  asHandlerOption: "asHandler(): '{option}' must be {needs}",
  flowNameTaken: "node '{node}': another flow in this flow is already named '{name}'",
  inputForm:
    "invalid input name '{id}': must start with a letter, then letters, digits, '_', '.' or '-', at most 128 characters",
  openInputs:
    "this flow has inputs ({inputs}): use it in another flow and connect them with .use(prefix, flow, options)",
  prefixNotLiteral: "the prefix of a subflow must be a string literal, so that later nodes can refer to its nodes",
  prefixForm:
    "invalid prefix '{id}': must start with a letter, then letters, digits, '_', '.' or '-', at most 128 characters",
  prefixedIdTooLong: "subflow '{prefix}': the id '{id}' has more than 128 characters: use a shorter prefix",
  notAFlow: "subflow '{prefix}' needs a flow built with flow()",
  severalFlows:
    "node '{node}' is added to one of several flows, which end with different nodes ({ends}): add it to each of them, where it is built",
  partEmpty: "subflow '{prefix}' has no nodes: add one with .node(id, handler) before .use()",
  partFinding: "subflow '{prefix}': {finding}",
  partNameTaken: "subflow '{prefix}': another {what} in this flow is already named '{name}'",
  partOptionType: "subflow '{prefix}': '{option}' must be {needs}",
  partOption: "subflow '{prefix}': unknown option '{option}'",
  partParamMissing: "subflow '{prefix}' needs parameters that this flow does not declare: {params}",
  partParamType: "subflow '{prefix}': its parameters do not match those of this flow: {why}",
  partInputMissing: "subflow '{prefix}' needs a node for each of its inputs (missing: {inputs})",
  partInputUnknown: "subflow '{prefix}' has no input '{input}'",
  partInputNode: "input '{input}' of subflow '{prefix}': '{id}' is not a node declared before it",
  partInputTwice: "input '{input}' of subflow '{prefix}': '{id}' already feeds another of its inputs",
  // an engine and a flow
  handlerLacking: "this engine has no handler '{handler}' (node '{node}'): add it to its {list}",
  handlerDiffers:
    "this engine's handler '{handler}' is not the handler of node '{node}': the types of their {part} differ",
  paramsMissing: "{flow} needs params (missing: {keys})",
  // graph JSON: only at run time
  graphEmpty: "the graph has no nodes: add at least one",
  graphTooManyNodes: "the graph has {count} nodes: the limit is {limit}",
  graphTooManyEdges: "the graph has {count} edges: the limit is {limit}",
  graphTooManyBytes: "the graph is larger than {limit} bytes of JSON",
  graphTooDeep: "a value is nested deeper than {limit} levels, or contains itself",
  valueNotJson: "{what} cannot be stored as JSON",
  forbiddenKey: "the key '{key}' is not allowed: it could change an object's prototype",
  illShaped: "{where}: {key}{expected}, got {actual}",
  missingKey: "{where}: {key} is missing",
  unknownKey: "{where}: unknown key '{key}'",
  unsupportedKey: "{where}: '{key}' is not supported here: {advice}",
  runtimeState: "{where}: '{key}' is run-time state, which does not belong in a graph: remove it",
  unknownParent: "node '{node}' depends on '{id}', which is not a node of this graph",
  duplicateParent: "node '{node}' depends on '{id}' twice",
  selfDependency: "node '{node}' depends on itself",
  unknownEdgeEnd: "the edge '{from}' -> '{to}' names '{id}', which is not a node of this graph",
  cycle: "the nodes form a cycle: {nodes}",
  edgesDisagree: "'edges' and 'depends_on' contradict each other: {differences}",
  unknownInputAdapter: "node '{node}': '{adapter}' is not a known input adapter",
  argsWithoutAdapter: "node '{node}': input_args requires an input_adapter",
  aliasBesides: "node '{node}': use either from_node or from_nodes, not both",
  illShapedArgs: "{owner}: {name}: {key}{expected}, got {actual}",
  missingArg: "{owner}: {name} needs '{key}'",
  unknownArg: "{owner}: {name} does not accept argument '{key}'",
  uncheckedArgs: "{owner}: {name}: its arguments could not be checked: {reason}",
  sourceNotInGraph: "node '{node}' reads from '{id}', which is not a node of this graph",
  notUpstream: "node '{node}' reads from '{id}', which is not upstream of it",
  duplicateSource: "node '{node}' reads from '{id}' twice",
  failuresWhere: "node '{node}' reads failed batches, from which 'where' cannot choose",
  noFailures: "node '{node}' reads the failed batches of '{id}', which does not set any aside",
  failuresUnread: "node '{node}' reads the failed batches of '{id}', which must name its input_adapter for that",
  nothingToRead: "node '{node}' is a root: '{adapter}' has nothing to read",
  functionNotKnown: "node '{node}': '{fn}' is not a known coordinator function",
  functionMissing: "node '{node}' is a coordinator_fn: io.fn must name its function",
  functionOnWorker: "node '{node}' is of type '{type}': {key} is only allowed on nodes of type coordinator_fn",
  inputOnFunction: "node '{node}' is a coordinator_fn: use io.fn_args instead of io.input_inline",
  partitionedFunction: "node '{node}' is a coordinator_fn: it cannot have partitions",
  batchesOfFunction: "node '{node}' is a coordinator_fn: it has no batches, so it cannot have batches.{key}",
  flowKeyMissing: "node '{node}' is of type flow: io.{key} is missing",
  flowOnOther: "node '{node}' is of type '{type}': io.flow is only allowed on nodes of type flow",
  flowNotKnown: "node '{node}': the graph has no flow '{flow}'",
  flowItem: "flow '{flow}' has no parameter '{item}' that an item could be: there is {list}",
  flowItemGiven: "node '{node}': parameter '{key}' of flow '{flow}' is the item, so it cannot be an argument",
  flowParamUnknown: "node '{node}': flow '{flow}' has no parameter '{key}': there is {list}",
  flowParamsMissing: "node '{node}': flow '{flow}' needs parameters: {keys}",
  flowIsRoot: "node '{node}' is a root: it has no batch to run its flow for",
  partitionedFlow: "node '{node}' is of type flow: it cannot have partitions",
  flowFinding: "flow '{flow}': {finding}",
  flowsTooDeep: "flows run flows more than {limit} levels deep",
  refNotAlone:
    "node '{node}': a parameter reference must be the only key of its object (write $$ref for a literal key $ref)",
  refForAll: "node '{node}': a parameter reference can replace a value in {key}, not all of {key}",
  refIllShaped:
    "node '{node}': invalid parameter reference {ref}: write 'params.name', or $$ref for a literal key $ref",
  refUnknown: "node '{node}': the parameter '{name}' is not in params_schema",
  delayParam: "node '{node}': delay_sec needs a number of seconds from 0, but the parameter '{name}' is {actual}",
  burstOfNothing: "node '{node}': limits.burst must not be set without perSec",
  keyOfNothing: "node '{node}': limits.key must not be set without maxRunning or perSec",
  limitKeyParam:
    "node '{node}': limits.key needs a number, or text of at most 256 characters, but the parameter '{name}' is {actual}",
  limitsNameless: "node '{node}': limits.{key} counts over all tasks of a flow, so the graph needs a name",
  limitsOfFlow: "node '{node}' is of type flow: limits.key is not kept for its tasks, but can be for nodes of its flow",
  paramMissing: "node '{node}' needs the parameter '{name}', which is not given",
  patternRefused:
    "the pattern {pattern} is not supported: {why}; patterns use RE2 syntax, without lookaround or backreferences",
  keyPatternRefused: "the key pattern '{pattern}' is not supported: only plain text, character classes and anchors are",
  patternTooLong: "the pattern has {count} characters: the limit is {limit}",
  patternsTooLarge: "the patterns of params_schema compile to more than {limit} instructions",
  schemaOfItself: "the schema refers to itself for the same value, which no value can satisfy",
  schemaTooWide: "more than {limit} schemas apply to the same value",
  paramsTooLarge: "the parameters of the task are larger than {limit} bytes of JSON",
  paramsTooDeep: "the parameters of the task are nested deeper than {limit} levels, or contain themselves",
  filledTooLarge: "the graph with its parameters filled in is larger than {limit} bytes of JSON",
  filledTooDeep: "the graph with its parameters filled in is nested deeper than {limit} levels",
  unknownType: "node '{node}': no handler for type '{type}'",
} as const;

/** The requirement for a schema; schemas of zod 3 have different members and cannot be read. */
export const zodSchema = "a schema of zod 4 (import zod, or zod/v4), or one with ~standard.jsonSchema";
/** The requirement for a schema whose values are stored: only zod can encode. */
export const twoWaySchema = "a schema without a one-way transform (only z.codec has a way back)";
/** Both requirements, for the compiler, which cannot distinguish the cases. */
export const storedSchema =
  "a schema of zod 4 (import zod, or zod/v4), or one with ~standard.jsonSchema; for an output or a result, not a one-way transform (use z.codec, which also encodes)";
/** The requirement for several schemas. */
export const zodSchemas = "an object of schemas of zod 4 (import zod, or zod/v4), or ones with ~standard.jsonSchema";

/** The name of a message. */
export type MessageKey = keyof typeof messages;

type Values = { readonly [name: string]: string | number };

/** The message as a type, with its placeholders filled in. */
export type MessageText<TKey extends MessageKey, TValues> = Fill<(typeof messages)[TKey], TValues>;

/**
 * The same, deferred until `TOpen` is known: otherwise the compiler would fill it in at its declaration, with type
 * parameters as values, in every program.
 */
export type LateText<TOpen, TKey extends MessageKey, TValues> = TOpen extends string
  ? MessageText<TKey, TValues>
  : never;

// TValues has no constraint: to prove that a computed text is a string, the compiler would expand all its possible
// values, which costs 400,000 instantiations for a mismatch. No numbers: if both were allowed, the compiler would
// create a text of each for each placeholder, and all of them again wherever the message is instantiated.
type Fill<TText extends string, TValues> = TText extends `${infer THead}{${infer TName}}${infer TRest}`
  ? `${THead}${TValues[TName & keyof TValues] & string}${Fill<TRest, TValues>}`
  : TText;

/**
 * The message with its placeholders filled in.
 *
 * @example
 * formatMessage("duplicateNode", { id: "extract" }) // "node id 'extract' is already used in this flow"
 */
export function formatMessage<TKey extends MessageKey>(key: TKey, values: Values): string {
  return messages[key].replace(/\{(\w+)\}/g, (blank, name: string) => String(values[name] ?? blank));
}

const longest = 60;
const plain = /^[\w .:>-]*$/;

/** Formats an untrusted value for a message: one line of limited length. */
export function shown(value: unknown): string {
  if (value === undefined) return "missing";
  if (value === null || typeof value === "boolean" || typeof value === "number") return String(value);
  if (typeof value === "string") return `'${cut(value)}'`;
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  return "an object";
}

/** Formats untrusted text without quotes, for names that the message already quotes. */
export function cut(text: string): string {
  if (text.length <= longest && plain.test(text)) return text;
  const line = JSON.stringify(text.slice(0, longest)).slice(1, -1).replaceAll('\\"', '"');
  return text.length > longest ? `${line}...` : line;
}

/** Up to this many are in the order of declaration, more are sorted: the compiler cannot order many (see `InOrder`). */
export const few = 16;
/** The lengths up to `few`. */
export type Few = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11 | 12 | 13 | 14 | 15 | 16;

/** Sorts as the compiler does where it lists texts. */
export function inOrder<T>(items: readonly T[], textOf: (item: T) => string): readonly T[] {
  if (items.length <= few) return items;
  const capitals = (item: T) => textOf(item).toUpperCase();
  return items.toSorted((one, other) => (capitals(one) < capitals(other) ? -1 : 1));
}

/**
 * Joins the texts of a union, in the order of {@link InOrder}.
 *
 * @typeParam TEnough - a list that is long enough for the rest to be left out
 */
export type Join<TTexts, TBetween extends string, TEnough = never> = [TTexts] extends [never]
  ? never
  : IsOne<TTexts> extends true
    ? `${TTexts & string}`
    : JoinList<SeveralInOrder<TTexts, TEnough>, TBetween>;

/**
 * Joins the texts of a list. Due to the template around it, the compiler knows that it is a string: to prove that for a
 * recursive alias, it would expand all its possible values.
 */
export type JoinList<
  TTexts extends readonly unknown[],
  TBetween extends string,
> = `${Joined<TTexts, TBetween> & string}`;

type Joined<TTexts extends readonly unknown[], TBetween extends string, TStart = ""> = TTexts extends readonly [
  infer TFirst extends string,
  ...infer TRest,
]
  ? TRest extends readonly []
    ? `${TStart & string}${TFirst}`
    : Joined<TRest, TBetween, `${TStart & string}${TFirst}${TBetween}`>
  : number extends TTexts["length"]
    ? Join<TTexts[number], TBetween>
    : never;

/**
 * The texts of a union as a list: up to 16 in the compiler's order, which is nearly always that of their declaration,
 * and more in the order of their beginnings. The compiler reports only the last member of a union, in a time that grows
 * with the square of its members.
 *
 * Each text is split with its uppercase form before it: a part that is itself a key, such as "n" of "name", would
 * change the compiler's order of keys.
 *
 * @typeParam TEnough - a list that is long enough for the rest to be left out
 */
export type InOrder<TTexts, TEnough = never> = [TTexts] extends [never]
  ? []
  : IsOne<TTexts> extends true
    ? [TTexts]
    : SeveralInOrder<TTexts, TEnough>;

type SeveralInOrder<TTexts, TEnough> =
  ByBeginning<Literals<WithCapitals<TTexts>>, TEnough> extends infer TListed extends readonly unknown[]
    ? TListed["length"] extends Few
      ? FromLast<TTexts>
      : { [TIndex in keyof TListed]: TListed[TIndex] extends `${string}\n${infer TText}` ? TText : never }
    : never;

type WithCapitals<TTexts> = TTexts extends string ? `${Uppercase<TTexts>}\n${TTexts}` : never;

// Leaves out patterns, such as `id-${string}`, which have no next character. Only they can have two line breaks.
type Literals<TTexts> = [TTexts & `${string}\n\n${string}`] extends [never] ? TTexts : EachLiteral<TTexts>;
type EachLiteral<TText> = TText extends string ? ({ _: 0 } extends { [TKey in TText]: 0 } ? never : TText) : never;

type FromLast<TTexts, TListed extends readonly unknown[] = []> = [TTexts] extends [never]
  ? TListed
  : FromLast<Exclude<TTexts, LastOf<TTexts>>, [LastOf<TTexts>, ...TListed]>;

// Splits texts by the character after their common beginning, until each is alone. Only parts are tested for being a
// single text, which costs as much as a character.
type ByBeginning<TTexts, TEnough, TBefore = "", TDepth extends 0[] = []> = [NextOf<TTexts, TBefore>] extends [""]
  ? FromLast<TTexts>
  : IsOne<NextOf<TTexts, TBefore>> extends true
    ? ByBeginning<TTexts, TEnough, Both<TBefore, NextOf<TTexts, TBefore>>, TDepth>
    : TDepth["length"] extends 8
      ? FromLast<TTexts>
      : ByNext<FromLast<NextOf<TTexts, TBefore>>, TTexts, TEnough, TBefore, [...TDepth, 0]>;

// The part is an intersection, which compilers compute in one step: a condition would be instantiated for each text.
type ByNext<
  TCharacters,
  TTexts,
  TEnough,
  TBefore,
  TDepth extends 0[],
  TListed extends readonly unknown[] = [],
> = TListed extends TEnough
  ? TListed
  : TCharacters extends [infer TFirst, ...infer TMore]
    ? PartInOrder<
        TFirst extends "" ? EndedAt<TTexts, TBefore> : TTexts & Both<TBefore, `${TFirst & string}${string}`>,
        TEnough,
        Both<TBefore, TFirst>,
        TDepth
      > extends infer TPart extends readonly unknown[]
      ? ByNext<TMore, TTexts, TEnough, TBefore, TDepth, [...TListed, ...TPart]>
      : never
    : TListed;

type PartInOrder<TPart, TEnough, TBefore, TDepth extends 0[]> =
  IsOne<TPart> extends true ? [TPart] : ByBeginning<TPart, TEnough, TBefore, TDepth>;

/** `true`; `false`, or both, for a union. */
export type IsOne<TUnion, TAll = TUnion> = TUnion extends unknown
  ? TAll & string extends TUnion
    ? true
    : false
  : never;
type NextOf<TText, TBefore> = TText extends `${TBefore & string}${infer TNext}${string}` ? TNext : "";
type EndedAt<TText, TBefore> = TText extends `${TBefore & string}${infer _}${string}` ? never : TText;
type Both<TBefore, TText> = `${TBefore & string}${TText & string}`;

/**
 * Inference from overloads picks the last one, and an intersection of functions is a list of overloads. Each of them returns
 * `TAll`, so that it is created anew for each union: the compiler would list types first that it has created before.
 */
export type LastOf<TUnion, TAll = TUnion> = (TUnion extends unknown ? (member: () => TUnion) => TAll : never) extends (
  members: infer TMembers,
) => unknown
  ? TMembers extends () => infer TLast
    ? TLast
    : never
  : never;
