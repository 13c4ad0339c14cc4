import { Argument, type Command, type Option } from "commander";
import type { Terminal } from "../terminal/terminal.ts";
import { examples } from "./common.ts";
import { completeId, type StoreAccess, withClient } from "./with-client.ts";

/** The scripts that shells run on the Tab key. They pass the words unchanged: nothing that is typed is evaluated. */
const scripts = {
  bash: `_flowkit() {
  local IFS=$'\\n'
  COMPREPLY=($(flowkit complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f1))
}
complete -o default -F _flowkit flowkit
`,
  zsh: `#compdef flowkit
_flowkit() {
  local -a found
  found=("\${(@f)$(flowkit complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -z "$found" ]]; then
    _files
  else
    found=("\${(@)found//:/\\\\:}")
    found=("\${(@)found/$'\\t'/:}")
    _describe flowkit found
  fi
}
compdef _flowkit flowkit
`,
  fish: `function __flowkit_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l found (flowkit complete -- $words[2..-1] 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c flowkit -f -a '(__flowkit_complete)'
`,
} as const;

export function addCompletion(root: Command, terminal: Terminal): void {
  root
    .command("completion")
    .summary("print a script that completes commands in a shell")
    .description(
      "Print a script for a shell, which completes commands, options and files and, from the store that the command line or the settings name, ids of tasks and nodes and names of flows and schedules.",
    )
    .addArgument(new Argument("<shell>", "the shell").choices(Object.keys(scripts)))
    .addHelpText(
      "after",
      examples("completion bash >> ~/.bashrc", "completion zsh >> ~/.zshrc", "completion fish | source"),
    )
    .action((shell: keyof typeof scripts) => void terminal.stdout.write(scripts[shell]));
  root
    .command("complete", { hidden: true })
    .description("What the script calls: print what may be the last of these words, one a line, with its meaning.")
    .argument("[words...]")
    .action((words: readonly string[]) => complete(root, terminal, words));
}

/** A word, and what it means. */
type Candidate = readonly [word: string, meaning: string];

/** Prints nothing where the shell should complete a file name. */
async function complete(root: Command, terminal: Terminal, words: readonly string[]): Promise<void> {
  const typed = words.slice(0, -1);
  const last = words.at(-1) ?? "";
  for (const [word, meaning] of await candidates(root, terminal, typed, last.startsWith("-"))) {
    if (word.startsWith(last)) terminal.print(meaning === "" ? word : `${word}\t${meaning}`);
  }
}

async function candidates(
  root: Command,
  terminal: Terminal,
  typed: readonly string[],
  isOption: boolean,
): Promise<readonly Candidate[]> {
  const { command, operands, open } = read(root, typed);
  const names = (kind: string) => namesIn(terminal, { typed, kind, taskId: operands[0] ?? "" });
  if (open !== undefined) return open.argChoices?.map((choice) => [choice, ""] as const) ?? names(open.attributeName());
  const help = command.createHelp();
  if (isOption) return help.visibleOptions(command).map(({ long, description }) => [long ?? "", description]);
  const subcommands = help.visibleCommands(command);
  if (subcommands.length > 0) {
    return operands.length > 0 ? [] : subcommands.map((each) => [each.name(), each.summary()]);
  }
  const { registeredArguments: all } = command;
  const argument = all[operands.length] ?? (all.at(-1)?.variadic ? all.at(-1) : undefined);
  if (argument === undefined) return [];
  if (argument.argChoices !== undefined) return argument.argChoices.map((choice) => [choice, ""]);
  return names(argument.name());
}

/** Parses the words into the command, its operands, and the option whose value comes next. */
function read(root: Command, typed: readonly string[]) {
  let command = root;
  let open: Option | undefined;
  const operands: string[] = [];
  for (const word of typed) {
    const sub = command.commands.find((each) => each.name() === word);
    if (open !== undefined) open = undefined;
    else if (word.startsWith("-")) {
      const option = command.options.find(({ long, short }) => word === long || word === short);
      if (option?.required) open = option;
    } else if (sub !== undefined) command = sub;
    else operands.push(word);
  }
  return { command, operands, open };
}

interface Wanted {
  readonly typed: readonly string[];
  /** The name of an argument or of an option. */
  readonly kind: string;
  readonly taskId: string;
}

const mostTasks = 100;

/** Candidates from the store; none if it cannot be read, since an error would appear on the line being typed. */
async function namesIn(terminal: Terminal, wanted: Wanted): Promise<readonly Candidate[]> {
  if (!["task", "node", "flow", "schedule"].includes(wanted.kind)) return [];
  const given = (flag: string) => wanted.typed.find((_, index) => wanted.typed[index - 1] === flag);
  const options = { store: given("--store"), mongo: given("--mongo"), config: given("--config") };
  try {
    return await withClient(terminal, options, (access) => namesOf(access, wanted));
  } catch {
    return [];
  }
}

async function namesOf(access: StoreAccess, { kind, taskId }: Wanted): Promise<readonly Candidate[]> {
  const { client, store } = access;
  if (kind === "node") {
    const id = await completeId(access, taskId);
    const nodes = (await store.readTask(id))?.graph.nodes ?? [];
    return nodes.map(({ node_id, type }) => [node_id, type]);
  }
  if (kind === "schedule") return (await client.schedules.list()).items.map(({ id }) => [id, ""]);
  const { items } = await client.list({ limit: mostTasks });
  if (kind === "task") return items.map(({ id, name = "", status }) => [id, `${name} ${status}`.trimStart()]);
  return [...new Set(items.flatMap(({ name = [] }) => name))].map((name) => [name, ""]);
}
