import { existsSync, realpathSync } from "node:fs";
import { describe, expect, test } from "vitest";
import packageJson from "../../../package.json" with { type: "json" };
import { cli, cliProject, flowkitBin, squaresFlow } from "../../helpers/cli.ts";
import { runProcess } from "../../helpers/run-process.ts";

/** Errors about files that have no flow or cannot be loaded; all commands load flows in the same way. */
async function exported(flow: string, ...args: readonly string[]) {
  const cwd = cliProject({ "flow.ts": flow, "other.ts": squaresFlow });
  const { exitCode, stdout, stderr } = await cli(["export", "flow.ts", ...args], { cwd });
  return { exitCode, stdout, stderr: stderr.replaceAll(cwd, "CWD") };
}

const refused: readonly {
  readonly what: string;
  readonly flow: string;
  readonly args?: readonly string[];
  readonly says: string | RegExp;
}[] = [
  {
    what: "no exports",
    flow: "const a = 1;",
    says: 'error CLI_NO_FLOW: flow.ts has no exports\n  Export a flow: export const etl = flow("etl").node(...)\n',
  },
  {
    what: "no flow among its exports",
    flow: "export const a = 1; export const b = 2;",
    says: "error CLI_NO_FLOW: flow.ts does not export a flow; its exports: a, b\n",
  },
  {
    what: "two flows",
    flow: 'export { squares as a } from "./other.ts"; export { squares as b } from "./other.ts";',
    says: "error CLI_SEVERAL_FLOWS: flow.ts exports 2 flows: a, b\n  Select one: --export a\n",
  },
  {
    what: "a promise",
    flow: "export default Promise.resolve(1);",
    says: "error CLI_NOT_A_FLOW: export 'default' of flow.ts is a promise, not a flow\n  A flow cannot be awaited",
  },
  {
    what: "a compiled graph",
    flow: 'import { squares } from "./other.ts"; export const graph = squares.compile();',
    says: "error CLI_NOT_A_FLOW: export 'graph' of flow.ts is a compiled graph, not a flow\n  Export the flow itself, without .compile().\n",
  },
  {
    what: "an error while loading",
    flow: "export const a = 1;\nthrow new RangeError('no luck');",
    says: /^error CLI_IMPORT_FAILED: cannot load flow\.ts: RangeError: no luck \(flow\.ts:2:7\)\n/,
  },
  {
    what: "an enum",
    flow: "export enum Colour { Red }",
    says: /^error CLI_TYPESCRIPT_SYNTAX: cannot load flow\.ts: TypeScript enum is not supported in strip-only mode \(flow\.ts:1:8\)\n[\s\S]*`erasableSyntaxOnly` in tsconfig\.json/,
  },
  {
    what: "no TypeScript",
    flow: "export const a = [\n  1,\n  = 1];",
    says: /^error CLI_TYPESCRIPT_SYNTAX: cannot load flow\.ts: .+ \(flow\.ts:3:3\)\n/,
  },
  {
    what: "an import without an extension",
    flow: 'import { squares } from "./other"; export { squares };',
    says: "Import paths need the extension: './handlers.ts', not './handlers'.\n",
  },
  {
    what: "an import of a missing package",
    flow: 'import "not-there-at-all"; export {};',
    says: "  Install it: npm install not-there-at-all\n",
  },
  {
    what: "an import of a type without `type`",
    flow: 'import { Json } from "flowkit"; export const a: Json = 1;',
    says: "  If it is a type, import it with `import type`.\n",
  },
  {
    what: "an await that never ends",
    flow: "await new Promise(() => {}); export {};",
    says: "error CLI_IMPORT_PENDING: flow.ts never finishes loading: a top-level 'await' does not settle\n",
  },
  {
    what: "a flow with a mistake",
    flow: 'import { flow } from "flowkit"; export const empty = flow("empty");',
    says: /^error FLOW_EMPTY: /,
  },
  {
    what: "a mistake that the builder rejects immediately",
    flow: 'import { flow } from "flowkit";\nexport const a = flow("a", { params: 3 as never });',
    says: /^error FLOW_INVALID: .*\n {2}at flow\.ts:2:18\n$/,
  },
  {
    what: "a missing export",
    flow: 'export { squares } from "./other.ts";',
    args: ["--export", "sqares"],
    says: "error CLI_EXPORT_UNKNOWN: flow.ts has no export 'sqares'\n  Did you mean 'squares'?\n",
  },
  {
    what: "an export that is not a flow",
    flow: 'export { squares, square } from "./other.ts";',
    args: ["--export", "square"],
    says: "error CLI_NOT_A_FLOW: export 'square' of flow.ts is an object, not a flow\n",
  },
];

describe("the file of a flow", () => {
  test.each(refused)("with $what is rejected with exit code 2", async ({ flow, args = [], says }) => {
    const { exitCode, stdout, stderr } = await exported(flow, ...args);
    expect(stdout).toBe("");
    if (typeof says === "string") expect(stderr).toContain(says);
    else expect(stderr).toMatch(says);
    expect(exitCode).toBe(2);
  });

  test("in a folder that is not an ES module package is rejected with advice", async () => {
    const cwd = cliProject({ "package.json": { type: "commonjs" }, "flow.ts": squaresFlow });
    const { exitCode, stderr } = await cli(["export", "flow.ts"], { cwd });
    expect(stderr).toContain('Set "type": "module" in package.json, or rename the file to .mts.\n');
    expect(exitCode).toBe(2);
  });

  test("provides its default export, or the requested one", async () => {
    const { exitCode, stdout } = await exported(
      'import { squares } from "./other.ts"; export default squares; export const other = squares;',
    );
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout).name).toBe("squares");
    const two = 'export { squares as a } from "./other.ts"; export { squares as b } from "./other.ts";';
    expect((await exported(two, "--export", "b")).exitCode).toBe(0);
  });

  test("that is missing gets a suggestion", async () => {
    const cwd = cliProject({ "flow.ts": squaresFlow });
    const { exitCode, stderr } = await cli(["export", "./flwo.ts"], { cwd });
    expect(stderr).toBe("error CLI_FILE_NOT_FOUND: file not found: ./flwo.ts\n  Did you mean ./flow.ts?\n");
    expect(exitCode).toBe(2);
  });

  test("that imports another version of flowkit is rejected; a copy of the same version is replaced by this one", async () => {
    const { version } = packageJson;
    const copy = (ofVersion: string) => ({
      "node_modules/flowkit/package.json": {
        name: "flowkit",
        version: ofVersion,
        type: "module",
        exports: "./index.js",
      },
      "node_modules/flowkit/index.js": "export const defineHandler = () => 'not the one';",
      "flow.ts": squaresFlow,
    });
    const cwd = cliProject(copy("0.0.1"));
    const { exitCode, stdout, stderr } = await cli(["export", "flow.ts"], { cwd });
    expect(stderr).toBe(
      `error CLI_OTHER_FLOWKIT: this command is flowkit ${version}, but the file imports flowkit 0.0.1 from ${realpathSync(cwd)}/node_modules/flowkit\n  Run the command of the project: npx flowkit\n`,
    );
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect((await cli(["export", "flow.ts"], { cwd: cliProject(copy(version)) })).exitCode).toBe(0);
  });

  test("gets the package that the command belongs to", async () => {
    const flow = `${squaresFlow}
import { FlowError } from "flowkit";
import { createEngine } from "flowkit/engine";
const refused = await createEngine({ handlers: [], capacity: -1 }).catch((error) => error);
if (!(refused instanceof FlowError)) throw new Error("two copies");
`;
    expect((await exported(flow)).stderr).toBe("");
  });
});

test.runIf(existsSync("/dev/full"))("an output that cannot be written is one line", async () => {
  const cwd = cliProject({ "flow.ts": squaresFlow });
  const { exitCode, output } = await runProcess("sh", ["-c", `exec node ${flowkitBin} export flow.ts > /dev/full`], {
    cwd,
  });
  expect(output).toMatch(/^error CLI_OUTPUT: cannot write the output: ENOSPC.*\n$/);
  expect(exitCode).toBe(1);
});
