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
  notJson: "{owner} '{name}': its {what} cannot be stored as JSON: {where}",
  idNotLiteral: "a node id must be one literal string, so that later nodes can name it",
  idForm: "'{id}' is no node id: a letter first, then letters, digits, '_', '.' or '-', at most 128 in all",
  edge: "edge '{from}' -> '{to}': {why}",
  adapterInput: "input of '{node}': {why}",
  clash: "{path} is {given}, needs {needed}",
  keyMissing: "{path} is missing (needs {needed})",
  keyMayBeMissing: "{path} may be missing (needs {needed})",
  keyNotTaken: "{path} is not taken",
  sourceWithUpstream:
    "node '{node}': handler '{handler}' declares no input (it is a source), so it cannot depend on '{parent}'",
  argsMissing: "node '{node}': handler '{handler}' needs args (missing: {keys})",
  rootInputMissing:
    "node '{node}' is a root: give the input of handler '{handler}' as args (missing: {keys}), or put it after a node",
  rootInputNotObject:
    "node '{node}': handler '{handler}' takes {type} as its input, so it cannot be a root: put it after a node",
  unknownSource: "node '{node}' reads from '{id}', which is not a node declared before it",
  aliasesOnlyGather: "adapter '{adapter}' takes 'from' as a list; only 'pull.gather' takes aliases",
  listKeyNotTaken: "adapter '{adapter}' takes no 'metaListKey'",
  notAList: "node '{node}': '{key}' is not a list in every output of: {from}",
  rootFanIn: "node '{node}' is a root: fanIn '{fanIn}' needs upstream nodes",
  rootInput: "node '{node}' is a root: there is nothing that 'input' could read",
  unknownFunction: "node '{node}': '{fn}' is not a built-in coordinator function",
  fnArgsMissing: "node '{node}': fn '{fn}' needs args (missing: {keys})",
  fnArgUnknown: "node '{node}': fn '{fn}' takes no argument '{key}'",
  fnArgType: "node '{node}': fn '{fn}': {why}",
  unknownParam: "'{param}' is not a parameter of this flow",
  paramType: "parameter '{param}' is {is}, '{key}' needs {needs}",
  flowOption: "flow(): '{option}' must be {needs}",
  flowAwaited:
    "a flow is no promise: don't await it, and don't return it from an async function (return { flow } instead)",
  handlerName: "'{name}' is no handler name: a letter first, then letters, digits, '_', '.' or '-', at most 128 in all",
  handlerNameReserved: "'{name}' is the type of coordinator functions: no handler can have this name",
  handlerOptions: "handler '{handler}': its definition must be an object",
  handlerMember: "handler '{handler}': unknown member '{member}'",
  handlerMemberType: "handler '{handler}': '{member}' must be {needs}",
  handlerNeeds: "handler '{handler}' needs '{member}'",
  suggestionUnread: "handler '{handler}': without an 'input' there is nothing that an input adapter could make",
  suggestionUnknown:
    "handler '{handler}': '{adapter}' is no built-in input adapter; give one of your own as what defineInputAdapter makes",
  definitionName: "'{name}' can't be the name of {what}: {why}",
  definitionMember: "{what} '{name}': '{member}' must be {needs}",
  notADefinition: "node '{node}' needs what {maker} makes",
  nameTaken: "node '{node}': another one in this flow has the name '{name}' too",
  optionType: "node '{node}': '{option}' must be {needs}",
  unknownOption: "node '{node}': unknown option '{option}'",
  permanentOnUnknown: "node '{node}': '{code}' is no reason code of handler '{handler}', nor of the engine",
  mergeTarget: "node '{node}' stores what it merges under its own id: its target cannot be '{id}'",
  fnPermanentOnUnknown: "node '{node}': '{code}' is no reason code of fn '{fn}', nor of the engine",
  reservedArgument: "node '{node}': no argument can have the name '{key}', which routes the input",
  argUnknown: "node '{node}': handler '{handler}' takes no argument '{key}'",
  argIllTyped: "node '{node}': {where}",
  // a graph JSON that is loaded with its code
  loadOption: "fromGraph(): '{option}' must be {needs}",
  handlerOfNoType: "handler '{handler}': the graph has no node of this type; its types are: {types}",
  schemasOfNoType: "schemas.{type}: the graph has no node of this type; its types are: {types}",
  twoOfOneName: "two different {what} have the name '{name}'",
  contradictsGraph: "{what}: its {part} is not what the graph's schemas say: {why}",
  // flows in flows
  inputForm:
    "'{id}' is no name for an input: a letter first, then letters, digits, '_', '.' or '-', at most 128 in all",
  openInputs:
    "this flow has inputs ({inputs}): use it in another flow, .use(prefix, flow, options), which says what feeds them",
  prefixNotLiteral: "the prefix of a sub-flow must be a literal string, so that later nodes can name its nodes",
  prefixForm: "'{id}' is no prefix: a letter first, then letters, digits, '_', '.' or '-', at most 128 in all",
  prefixedIdTooLong: "sub-flow '{prefix}': the id '{id}' has more than 128 characters: use a shorter prefix",
  notAFlow: "sub-flow '{prefix}' needs what flow() makes",
  partEmpty: "sub-flow '{prefix}' has no nodes: add one with .node(id, handler) before it is used",
  partFinding: "sub-flow '{prefix}': {finding}",
  partNameTaken: "sub-flow '{prefix}': another {what} of this flow has the name '{name}' too",
  partOptionType: "sub-flow '{prefix}': '{option}' must be {needs}",
  partOption: "sub-flow '{prefix}': unknown option '{option}'",
  partParamMissing: "sub-flow '{prefix}' needs parameters that this flow does not have: {params}",
  partParamType: "sub-flow '{prefix}' needs other parameters than this flow has: {why}",
  partInputMissing: "sub-flow '{prefix}' needs a node for each of its inputs (missing: {inputs})",
  partInputUnknown: "sub-flow '{prefix}' has no input '{input}'",
  partInputNode: "input '{input}' of sub-flow '{prefix}': '{id}' is not a node declared before it",
  partInputTwice: "input '{input}' of sub-flow '{prefix}': '{id}' feeds another of its inputs already",
  // an engine and a flow
  handlerLacking: "this engine has no handler '{handler}' (node '{node}'): add it to its {list}",
  handlerDiffers: "this engine's handler '{handler}' is not the one of node '{node}': the types of their {part} differ",
  paramsMissing: "{flow} needs params (missing: {keys})",
  // the graph JSON: what only the run time can see
  graphEmpty: "the graph has no nodes: it needs at least one",
  graphTooManyNodes: "the graph has {count} nodes: at most {limit} are accepted",
  graphTooManyEdges: "the graph has {count} edges: at most {limit} are accepted",
  graphTooManyBytes: "the graph is larger than {limit} bytes of JSON",
  graphTooDeep: "a value is nested deeper than {limit} levels, or contains itself",
  valueNotJson: "{what} cannot be stored as JSON",
  forbiddenKey: "the key '{key}' is refused everywhere: it would reach an object's prototype",
  illShaped: "{where}: {key}{expected}, is {actual}",
  missingKey: "{where}: {key} is missing",
  unknownKey: "{where}: unknown key '{key}'",
  unsupportedKey: "{where}: '{key}' is not supported here: {advice}",
  runtimeState: "{where}: '{key}' holds the state of a run: a graph describes a run to come, leave it out",
  unknownParent: "node '{node}' depends on '{id}', which is not a node of this graph",
  duplicateParent: "node '{node}' depends on '{id}' twice",
  selfDependency: "node '{node}' depends on itself",
  unknownEdgeEnd: "the edge '{from}' -> '{to}' names '{id}', which is not a node of this graph",
  cycle: "the nodes wait for each other: {nodes}",
  edgesDisagree: "'edges' and 'depends_on' say different things: {differences}",
  unknownInputAdapter: "node '{node}': '{adapter}' is not a known input adapter",
  argsWithoutAdapter: "node '{node}': input_args without an input_adapter would be ignored",
  aliasBesides: "node '{node}': from_node cannot stand beside from_nodes, which it is short for",
  illShapedArgs: "{owner}: {name}: {key}{expected}, is {actual}",
  missingArg: "{owner}: {name} needs '{key}'",
  unknownArg: "{owner}: {name} has no argument '{key}'",
  uncheckedArgs: "{owner}: {name}: its arguments could not be checked: {reason}",
  sourceNotInGraph: "node '{node}' reads from '{id}', which is not a node of this graph",
  notUpstream: "node '{node}' reads from '{id}', which is not upstream of it",
  duplicateSource: "node '{node}' reads from '{id}' twice",
  nothingToRead: "node '{node}' is a root: '{adapter}' has nothing to read",
  functionNotKnown: "node '{node}': '{fn}' is not a known coordinator function",
  functionMissing: "node '{node}' is a coordinator_fn: io.fn must name its function",
  functionOnWorker: "node '{node}' is of type '{type}': {key} is for nodes of type coordinator_fn",
  inputOnFunction: "node '{node}' is a coordinator_fn: it takes io.fn_args, no io.input_inline",
  partitionedFunction: "node '{node}' is a coordinator_fn: it cannot have partitions",
  refNotAlone: "node '{node}': a parameter reference stands alone in its object (write $$ref for a key of that name)",
  refForAll: "node '{node}': a parameter reference stands for one value in {key}, not for all of it",
  refIllShaped: "node '{node}': {ref} is no parameter reference: write 'params.name', or $$ref for a key of that name",
  refUnknown: "node '{node}': the parameter '{name}' is not in params_schema",
  paramMissing: "node '{node}' needs the parameter '{name}', which is not given",
  patternRefused:
    "the pattern {pattern} is not supported: {why}; patterns use the syntax of RE2, which has no lookaround and no backreferences",
  keyPatternRefused: "the key pattern '{pattern}' is not supported: only a plain text, classes and anchors are",
  patternTooLong: "the pattern has {count} characters: at most {limit} are accepted",
  patternsTooLarge: "the patterns of params_schema compile to more than {limit} instructions",
  schemaOfItself: "the schema refers to itself for the same value, which no value can satisfy",
  schemaTooWide: "more than {limit} schemas apply to the same value",
  paramsTooLarge: "the parameters of the task are larger than {limit} bytes of JSON",
  paramsTooDeep: "the parameters of the task are nested deeper than {limit} levels, or contain themselves",
  filledTooLarge: "the graph with its parameters filled in is larger than {limit} bytes of JSON",
  filledTooDeep: "the graph with its parameters filled in is nested deeper than {limit} levels",
  unknownType: "node '{node}': no handler for type '{type}'",
} as const;

/** What a schema must be; of zod 3, which has other types and other members, none can be read. */
export const zodSchema = "a schema of zod 4 (import zod, or zod/v4)";
/** The same of several. */
export const zodSchemas = "an object of schemas of zod 4 (import zod, or zod/v4)";

/** The sentences that the compiler and the run time both say, by name. */
export type MessageKey = keyof typeof messages;

type Values = { readonly [name: string]: string | number };

/** Type level: the sentence with its blanks filled in. */
export type Say<TKey extends MessageKey, TValues> = Fill<(typeof messages)[TKey], TValues>;

// Braces around what is no value stay, as at run time. TValues has no constraint: to prove that a computed text is a string, the compiler would expand all it could ever be,
// which for the text of a mismatch costs it 400,000 instantiations.
type Fill<TText extends string, TValues> = TText extends `${infer THead}{${infer TName}}${infer TRest}`
  ? `${THead}${TName extends keyof TValues ? TValues[TName] & (string | number) : `{${TName}}`}${Fill<TRest, TValues>}`
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

const longest = 60;
const plain = /^[\w .:>-]*$/;

/** An external value inside a sentence: one line, cut to a readable length. */
export function shown(value: unknown): string {
  if (value === undefined) return "missing";
  if (value === null || typeof value === "boolean" || typeof value === "number") return String(value);
  if (typeof value === "string") return `'${cut(value)}'`;
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  return "an object";
}

/** External text without the quotes: for names that a sentence already puts in quotes. */
export function cut(text: string): string {
  if (text.length <= longest && plain.test(text)) return text;
  const line = JSON.stringify(text.slice(0, longest)).slice(1, -1).replaceAll('\\"', '"');
  return text.length > longest ? `${line}...` : line;
}

/** The texts of a union as one text. Their order is the compiler's own: nearly always that of their declaration. */
export type Join<TTexts, TBetween extends string> =
  LastOf<TTexts> extends infer TLast extends string
    ? [Exclude<TTexts, TLast>] extends [never]
      ? TLast
      : `${Join<Exclude<TTexts, TLast>, TBetween> & string}${TBetween}${TLast}`
    : never;

/** The texts of a list as one text, in their order. */
export type JoinList<TTexts extends readonly unknown[], TBetween extends string> = TTexts extends readonly [
  infer TFirst extends string,
  ...infer TRest,
]
  ? TRest extends readonly []
    ? TFirst
    : `${TFirst}${TBetween}${JoinList<TRest, TBetween> & string}`
  : Join<TTexts[number], TBetween>;

/** Inferring from overloads takes the last one, and an intersection of functions is a list of overloads. */
export type LastOf<TUnion> = (TUnion extends unknown ? (member: () => TUnion) => void : never) extends (
  members: infer TMembers,
) => void
  ? TMembers extends () => infer TLast
    ? TLast
    : never
  : never;
