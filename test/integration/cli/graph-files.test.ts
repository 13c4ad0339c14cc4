import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { cli, cliProject, squaresFlow } from "../../helpers/cli.ts";

const broken = `{
  "nodes": [
    { "node_id": "read", "type": "reader" },
    { "node_id": "clean", "type": "cleaner", "depends_on": ["raed"],
      "fan_in": "count:9" }
  ]
}
`;

describe("flowkit export", () => {
  test("prints the graph, or writes it to a file", async () => {
    const cwd = cliProject({ "flow.ts": squaresFlow });
    const printed = await cli(["export", "flow.ts"], { cwd });
    expect(printed.exitCode).toBe(0);
    const written = await cli(["export", "flow.ts", "-o", "graph.json"], { cwd });
    expect(written).toEqual({ exitCode: 0, stdout: "", stderr: "wrote graph.json\n" });
    expect(readFileSync(join(cwd, "graph.json"), "utf8")).toBe(printed.stdout);
    expect(JSON.parse(printed.stdout)).toMatchObject({
      schema_version: "1.0",
      name: "squares",
      edges: [["numbers", "square"]],
    });
  });

  test("adds schemas and initial values on request", async () => {
    const cwd = cliProject({ "flow.ts": squaresFlow });
    const { stdout } = await cli(["export", "flow.ts", "--schemas", "--primed"], { cwd });
    const graph = JSON.parse(stdout);
    expect(Object.keys(graph.schemas)).toEqual(["numbers", "square"]);
    expect(graph.nodes[0]).toMatchObject({ status: "queued", attempt_epoch: 0, stats: {}, lease: {} });
  });

  test("rejects a graph JSON, and a missing folder", async () => {
    const cwd = cliProject({ "flow.ts": squaresFlow, "graph.json": {} });
    expect(await cli(["export", "graph.json"], { cwd })).toMatchObject({
      exitCode: 2,
      stderr: "error CLI_USAGE: graph.json is already a graph JSON\n",
    });
    const { exitCode, stderr } = await cli(["export", "flow.ts", "-o", "no/graph.json"], { cwd });
    expect(stderr).toMatch(
      /^error CLI_FILE_UNWRITABLE: cannot write no\/graph\.json: ENOENT.*\n {2}Choose another file, in a directory that exists and is writable\.\n$/,
    );
    expect(exitCode).toBe(2);
  });
});

describe("flowkit validate", () => {
  test("reports that a graph is valid", async () => {
    const cwd = cliProject({ "flow.ts": squaresFlow });
    await cli(["export", "flow.ts", "-o", "graph.json", "--schemas"], { cwd });
    const words = " is valid: 2 nodes, 1 edge\n";
    expect(await cli(["validate", "graph.json"], { cwd })).toEqual({
      exitCode: 0,
      stdout: `graph.json${words}`,
      stderr: "",
    });
    expect((await cli(["validate", "flow.ts"], { cwd })).stdout).toBe(`flow.ts${words}`);
    const { stdout } = await cli(["validate", "graph.json", "--json", "--handlers", "flow.ts"], { cwd });
    expect(JSON.parse(stdout)).toEqual({ ok: true, file: "graph.json", nodes: 2, edges: 1 });
  });

  test("finds every mistake with its position", async () => {
    const cwd = cliProject({ "graph.json": broken });
    const { exitCode, stdout } = await cli(["validate", "graph.json"], { cwd });
    expect(stdout).toBe(
      [
        "graph.json:4:61 GRAPH_UNKNOWN_DEPENDENCY at /nodes/1/depends_on/0: node 'clean' depends on 'raed', which is not a node of this graph (did you mean 'read'?)",
        "graph.json:5:17 GRAPH_FAN_IN at /nodes/1/fan_in: node 'clean' waits for 1 node(s): fanIn 'count:9' cannot be met",
        "",
      ].join("\n"),
    );
    expect(exitCode).toBe(2);
  });

  test("--json prints the same as data", async () => {
    const cwd = cliProject({ "graph.json": broken });
    const { exitCode, stdout } = await cli(["validate", "graph.json", "--json"], { cwd });
    expect(exitCode).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: false,
      file: "graph.json",
      findings: [
        { code: "GRAPH_UNKNOWN_DEPENDENCY", path: "/nodes/1/depends_on/0", line: 4, column: 61, hint: "read" },
        { code: "GRAPH_FAN_IN", path: "/nodes/1/fan_in", line: 5, column: 17 },
      ],
    });
  });

  test("checks the handlers of a file", async () => {
    const cwd = cliProject({ "flow.ts": squaresFlow, "graph.json": { nodes: [{ node_id: "a", type: "sqare" }] } });
    expect((await cli(["validate", "graph.json"], { cwd })).exitCode).toBe(0);
    const { exitCode, stdout } = await cli(["validate", "graph.json", "--handlers", "flow.ts"], { cwd });
    expect(stdout).toMatch(/^graph\.json:5:15 GRAPH_UNKNOWN_TYPE at \/nodes\/0\/type: .*\(did you mean 'square'\?\)\n/);
    expect(exitCode).toBe(2);
  });

  test("checks arguments and parameters of these handlers; run rejects the same mistakes", async () => {
    const params_schema = {
      type: "object",
      properties: { count: { type: "integer" }, name: { type: "string" } },
      required: ["count", "name"],
    };
    const graph = (args: object) => ({
      nodes: [{ node_id: "n", type: "numbers", io: { input_inline: args } }],
      params_schema,
    });
    const cwd = cliProject({
      "flow.ts": squaresFlow,
      "right.json": graph({ count: { $ref: "params.count" } }),
      "number.json": graph({ cuont: 1, count: "many" }),
      "param.json": graph({ count: { $ref: "params.name" } }),
    });
    const validate = (file: string) => cli(["validate", file, "--handlers", "flow.ts"], { cwd });
    expect(await validate("right.json")).toMatchObject({ exitCode: 0, stderr: "" });
    const at = ":7:25 GRAPH_HANDLER at /nodes/0/io/input_inline: ";
    const findings = [
      `number.json${at}node 'n': handler 'numbers' does not accept argument 'cuont'\n`,
      `number.json${at}node 'n': args.count: Invalid input: expected number, received string\n`,
    ].join("");
    expect(await validate("number.json")).toMatchObject({ exitCode: 2, stdout: findings });
    expect(await validate("param.json")).toMatchObject({
      exitCode: 2,
      stdout: `param.json${at}parameter 'name' is string, 'count' needs number\n`,
    });
    expect(await cli(["run", "number.json", "--handlers", "flow.ts"], { cwd })).toMatchObject({
      exitCode: 2,
      stderr: `error GRAPH_INVALID: 2 mistakes in number.json\n${findings}`,
    });
  });

  test("reports the position of invalid JSON", async () => {
    const cwd = cliProject({ "graph.json": '{\n  "nodes": [,]\n}\n', "empty.ts": "export const a = 1;" });
    expect(await cli(["validate", "graph.json"], { cwd })).toEqual({
      exitCode: 2,
      stdout: "",
      stderr: "error CLI_JSON_SYNTAX: graph.json:2:13: invalid JSON: expected a value\n",
    });
    expect(await cli(["validate", "graph.json", "--handlers", "empty.ts"], { cwd })).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("error CLI_NO_HANDLERS: empty.ts exports no handler\n"),
    });
  });

  test("other commands report the same mistakes", async () => {
    const cwd = cliProject({ "graph.json": broken });
    const { exitCode, stderr } = await cli(["graph", "graph.json"], { cwd });
    expect(stderr).toMatch(
      /^error GRAPH_INVALID: 2 mistakes in graph\.json\ngraph\.json:4:61 GRAPH_UNKNOWN_DEPENDENCY/,
    );
    expect(exitCode).toBe(2);
  });
});

describe("flowkit graph", () => {
  test("draws for Mermaid and Graphviz", async () => {
    const cwd = cliProject({ "flow.ts": squaresFlow });
    const { exitCode, stdout } = await cli(["graph", "flow.ts"], { cwd });
    expect(exitCode).toBe(0);
    expect(stdout).toBe(
      'flowchart TD\n  numbers(["numbers<br/>numbers"])\n  square["square<br/>square"]\n  numbers -.-> square\n',
    );
    expect((await cli(["graph", "flow.ts", "--format", "dot"], { cwd })).stdout).toBe(`digraph "squares" {
  node [shape=box fontname="monospace"]
  "numbers" [label="numbers\\nnumbers" style=rounded]
  "square" [label="square\\nsquare"]
  "numbers" -> "square" [style=dashed]
}
`);
  });

  test("infers the format from the file name", async () => {
    const cwd = cliProject({ "flow.ts": squaresFlow });
    expect((await cli(["graph", "flow.ts", "-o", "g.svg"], { cwd })).exitCode).toBe(0);
    expect((await cli(["graph", "flow.ts", "-o", "g.html"], { cwd })).exitCode).toBe(0);
    const svg = readFileSync(join(cwd, "g.svg"), "utf8");
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
    expect(svg.match(/<rect class="box"/g)).toHaveLength(2);
    expect(svg.match(/<path class="edge stream"/g)).toHaveLength(1);
    const page = readFileSync(join(cwd, "g.html"), "utf8");
    const [, data = ""] = /<script type="application\/json" id="flowkit-report">(.*?)<\/script>/s.exec(page) ?? [];
    expect(JSON.parse(data)).toMatchObject({
      kind: "graph",
      graph: { name: "squares", nodes: [{ id: "numbers" }, { id: "square", settings: expect.any(Array) }] },
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(page).toContain("content=\"default-src 'none'; "); // loads nothing
    expect(page).not.toMatch(/<link|<script[^>]* src=|@import/);
    expect(await cli(["graph", "flow.ts", "-o", "g.pdf"], { cwd })).toMatchObject({
      exitCode: 2,
      stderr:
        "error CLI_USAGE: cannot infer the format from 'g.pdf'\n  Pass --format (mermaid, dot, svg, html), or use an extension (.mmd, .mermaid, .dot, .gv, .svg, .html).\n",
    });
    expect((await cli(["graph", "flow.ts", "-o", "g.pdf", "--format", "dot"], { cwd })).exitCode).toBe(0);
  });

  test("rejects other formats", async () => {
    const cwd = cliProject({ "flow.ts": squaresFlow });
    expect(await cli(["graph", "flow.ts", "--format", "png"], { cwd })).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(
        /^error CLI_USAGE: invalid --format 'png': allowed choices are mermaid, dot, svg, html/,
      ),
    });
  });
});

describe("flowkit diff", () => {
  test("reports that the graphs are equal", async () => {
    const cwd = cliProject({ "flow.ts": squaresFlow });
    await cli(["export", "flow.ts", "-o", "graph.json", "--schemas"], { cwd });
    expect(await cli(["diff", "graph.json", "flow.ts"], { cwd })).toEqual({
      exitCode: 0,
      stdout: "no differences\n",
      stderr: "",
    });
  });

  test("lists what was added, removed and changed, and notes that data is not compared without schemas", async () => {
    const cwd = cliProject({
      "a.json": {
        nodes: [
          { node_id: "a", type: "t" },
          { node_id: "b", type: "t", depends_on: ["a"] },
        ],
      },
      "b.json": {
        name: "second",
        nodes: [
          { node_id: "a", type: "t", retry_policy: { max: 7 } },
          { node_id: "c", type: "t", depends_on: ["a"] },
        ],
      },
    });
    const { exitCode, stdout, stderr } = await cli(["diff", "a.json", "b.json"], { cwd });
    expect(stdout).toBe(`- node b
+ node c
~ node a
    /retry_policy: nothing -> {"max":7}
- edge a -> b
+ edge a -> c
~ graph
    /name: nothing -> "second"
`);
    expect(stderr).toBe(
      "a.json has no schemas: data along edges is not compared\nb.json has no schemas: data along edges is not compared\n",
    );
    expect(exitCode).toBe(0);
  });

  test("exits with 1 if a node can no longer accept its input", async () => {
    const cwd = cliProject({ "flow.ts": squaresFlow });
    await cli(["export", "flow.ts", "-o", "old.json", "--schemas"], { cwd });
    const old = JSON.parse(readFileSync(join(cwd, "old.json"), "utf8"));
    old.schemas.square.input.properties.n = { type: "string" };
    writeFileSync(join(cwd, "new.json"), JSON.stringify(old));
    const { exitCode, stdout, stderr } = await cli(["diff", "old.json", "new.json"], { cwd });
    expect(stdout).toContain("! edge 'numbers' -> 'square': .n is number, needs string\n");
    expect(stderr).toBe("1 incompatible change\n");
    expect(exitCode).toBe(1);
    const machine = await cli(["diff", "old.json", "new.json", "--json"], { cwd });
    expect(JSON.parse(machine.stdout)).toMatchObject({
      same: false,
      compatible: false,
      comparesData: true,
      nodes: { added: [], removed: [], changed: [] },
      edges: { added: [], removed: [], incompatible: [{ from: ["numbers"], to: "square" }] },
    });
    expect(machine.exitCode).toBe(1);
    expect((await cli(["diff", "new.json", "old.json"], { cwd })).exitCode).toBe(0); // it is compatible again
  });

  test("exits with 1 if a case no longer goes to a node", async () => {
    const take = (id: string) => ({
      node_id: id,
      type: "take",
      depends_on: ["src"],
      io: { input_inline: { input_adapter: "pull.artifacts", input_args: { where: { kind: id } } } },
    });
    const kinds = { type: "object", properties: { kind: { enum: ["a", "b"] } }, required: ["kind"] };
    const graph = (...ids: readonly string[]) => ({
      nodes: [{ node_id: "src", type: "src" }, ...ids.map(take)],
      schemas: { src: { output: kinds } },
    });
    const cwd = cliProject({ "old.json": graph("a", "b"), "new.json": graph("b") });
    const { exitCode, stdout, stderr } = await cli(["diff", "old.json", "new.json"], { cwd });
    expect(stdout).toContain("- node a\n");
    expect(stdout).toContain("! edge 'src': kind \"a\" goes nowhere\n");
    expect(stderr).toBe("1 incompatible change\n");
    expect(exitCode).toBe(1);
    const machine = await cli(["diff", "old.json", "new.json", "--json"], { cwd });
    expect(JSON.parse(machine.stdout)).toMatchObject({
      compatible: false,
      edges: { incompatible: [], lostCases: [{ from: "src", key: "kind" }] },
    });
  });
});

describe("flowkit codegen", () => {
  test("generates the source of a graph, which runs unchanged", async () => {
    const cwd = cliProject({ "flow.ts": squaresFlow });
    await cli(["export", "flow.ts", "-o", "graph.json", "--schemas"], { cwd });
    const written = await cli(["codegen", "graph.json", "-o", "made.ts", "--handlers-from", "./flow.ts"], { cwd });
    expect(written).toEqual({ exitCode: 0, stdout: "", stderr: "wrote made.ts\n" });
    const { exitCode, stdout } = await cli(["run", "made.ts", "-p", "count=1"], { cwd });
    expect(JSON.parse(stdout)).toEqual({ square: [{ n: 1 }] });
    expect(exitCode).toBe(0);
  });

  test("generates skeletons, and overwrites a file only with --force", async () => {
    const cwd = cliProject({ "flow.ts": squaresFlow, "mine.ts": "// mine" });
    await cli(["export", "flow.ts", "-o", "graph.json", "--schemas"], { cwd });
    expect((await cli(["codegen", "graph.json"], { cwd })).stdout).toContain('defineHandler("square"');
    expect(await cli(["codegen", "graph.json", "-o", "mine.ts"], { cwd })).toEqual({
      exitCode: 2,
      stdout: "",
      stderr: "error CLI_FILE_EXISTS: mine.ts already exists\n  Choose another file or pass --force.\n",
    });
    expect(readFileSync(join(cwd, "mine.ts"), "utf8")).toBe("// mine");
    expect((await cli(["codegen", "graph.json", "-o", "mine.ts", "--force"], { cwd })).exitCode).toBe(0);
    expect(readFileSync(join(cwd, "mine.ts"), "utf8")).toContain("defineHandler");
  });
});
