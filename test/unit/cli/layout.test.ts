import fc from "fast-check";
import { expect, test } from "vitest";
import { type Box, layOut } from "../../../src/cli/drawing/layout.ts";
import { toDot, toSvg } from "../../../src/cli/drawing/svg.ts";
import { parseGraph } from "../../../src/graph/index.ts";

const anyGraph = fc
  .array(fc.tuple(fc.array(fc.nat(), { maxLength: 3 }), fc.integer({ min: 1, max: 30 })), {
    minLength: 1,
    maxLength: 40,
  })
  .map((nodes) =>
    parseGraph({
      nodes: nodes
        .map(([parents, length], index) => ({
          node_id: `n${index}${"x".repeat(length)}`,
          type: "t",
          depends_on: index === 0 ? [] : [...new Set(parents.map((parent) => parent % index))],
        }))
        .map((node, _, all) => ({ ...node, depends_on: node.depends_on.map((index) => all[index]?.node_id) }))
        .toReversed(), // parents need not stand first
    }),
  );

/** Whether a box overlaps this rectangle, which contains a curve between its corners. */
const isWithin =
  (left: number, top: number, right: number, bottom: number) =>
  ({ x, y, width, height }: Box): boolean =>
    x - width / 2 < right && left < x + width / 2 && y - height / 2 < bottom && top < y + height / 2;

test("parents are above their children, and no boxes or edges overlap boxes", () => {
  fc.assert(
    fc.property(anyGraph, (graph) => {
      const { boxes, lines, width, height } = layOut(graph);
      const byId = new Map(boxes.map((box) => [box.node.node_id, box]));
      expect(byId.size).toBe(graph.nodes.length);
      for (const box of boxes) {
        expect(box.x - box.width / 2).toBeGreaterThanOrEqual(0);
        expect(box.x + box.width / 2).toBeLessThanOrEqual(width);
        expect(box.y + box.height / 2).toBeLessThan(height);
        for (const other of boxes) {
          const isApart = Math.abs(box.x - other.x) >= (box.width + other.width) / 2 || box.y !== other.y;
          if (other !== box) expect(isApart).toBe(true);
        }
      }
      expect(lines.map(({ from, to }) => `${from} ${to.node_id}`).toSorted()).toEqual(
        graph.edges.map(([from, to]) => `${from} ${to}`).toSorted(),
      );
      for (const { from, to, points } of lines) {
        const [start, end] = [byId.get(from), byId.get(to.node_id)];
        expect(points[0]).toEqual([start?.x, (start?.y ?? 0) + 24]);
        expect(points.at(-1)).toEqual([end?.x, (end?.y ?? 0) - 24]);
        for (const [index, [x, y]] of points.entries()) {
          const [fromX, fromY] = points[index - 1] ?? [x, 0];
          expect(y).toBeGreaterThan(fromY);
          if (index > 0) expect(boxes.filter(isWithin(Math.min(x, fromX), fromY, Math.max(x, fromX), y))).toEqual([]);
        }
      }
    }),
  );
});

test("a chain is straight, and two branches are side by side", () => {
  const chain = parseGraph({
    nodes: [
      { node_id: "a", type: "t" },
      { node_id: "b", type: "t", depends_on: ["a"] },
      { node_id: "c", type: "t", depends_on: ["b"] },
    ],
  });
  expect(new Set(layOut(chain).boxes.map(({ x }) => x)).size).toBe(1);
  const fork = parseGraph({
    nodes: [
      { node_id: "a", type: "t" },
      { node_id: "b", type: "t", depends_on: ["a"] },
      { node_id: "c", type: "t", depends_on: ["a"] },
      { node_id: "d", type: "t", depends_on: ["b", "c"] },
    ],
  });
  const [a, b, c, d] = layOut(fork).boxes.map(({ x }) => x);
  expect(a).toBe(d);
  expect(Math.abs(((b ?? 0) + (c ?? 0)) / 2 - (a ?? 0))).toBeLessThanOrEqual(1); // coordinates are integers
});

test("a large graph can be drawn", () => {
  const nodes = Array.from({ length: 3_000 }, (_, index) => ({
    node_id: `n${index}`,
    type: "t",
    depends_on:
      index === 0 ? [] : [...new Set([index - 1, Math.floor(index / 7), Math.floor(index / 3)])].map((i) => `n${i}`),
  }));
  expect(layOut(parseGraph({ nodes })).boxes).toHaveLength(3_000);
});

test("a fan-in other than all is shown once, beside the arrows", () => {
  const join = (fanIn: "all" | "count:2") =>
    parseGraph({
      nodes: [
        ...["a", "b", "c"].map((id) => ({ node_id: id, type: "t" })),
        { node_id: "d", type: "t", depends_on: ["a", "b", "c"], fan_in: fanIn },
      ],
    });
  const d = layOut(join("count:2")).boxes.at(-1);
  const labels = [...toSvg(join("count:2")).matchAll(/class="label" x="([\d.]+)" y="([\d.]+)">count:2</g)];
  expect(labels.map(([, x, y]) => [Number(x), Number(y)])).toEqual([[(d?.x ?? 0) + (d?.width ?? 0) / 2, 162 - 48]]);
  expect(d?.width).toBeGreaterThan(2 * 7 * 7);
  expect(toSvg(join("all"))).not.toContain('class="label"');
});

test("conditions, outcomes, waits, optional nodes and delays are drawn", () => {
  const child = (id: string, more: object) => ({ node_id: id, type: id, depends_on: ["a"], ...more });
  const outcomes = { input_adapter: "pull.outcomes", input_args: { where: { status: "failed" } } };
  const graph = parseGraph({
    nodes: [
      { node_id: "a", type: "t" },
      child("b", { when: { status: { a: { $not: "skipped" } } }, optional: true }),
      child("c", { io: { start_when: "ended", input_inline: outcomes } }),
      child("d", { type: "coordinator_fn", io: { fn: "wait.signal" } }),
      child("e", { delay_sec: 5 }),
    ],
  });
  const svg = toSvg(graph);
  expect(svg).toContain(">when status.a: not skipped, optional</text>");
  expect(svg).toContain(">status: failed</text>");
  expect(svg).toContain(">after 5 s</text>");
  expect(svg).toContain('class="edge ended"');
  expect(toDot(graph)).toBe(`digraph "graph" {
  node [shape=box fontname="monospace"]
  "a" [label="a\\nt" style=rounded]
  "b" [label="b\\nb\\noptional"]
  "c" [label="c\\nc"]
  "d" [label="d\\nwait.signal" shape=parallelogram]
  "e" [label="e\\ne\\nafter 5 s"]
  "a" -> "b" [label="when status.a: not skipped"]
  "a" -> "c" [style=bold label="status: failed"]
  "a" -> "d"
  "a" -> "e"
}
`);
});

test("an edge along which failed batches are read is red, or labelled", () => {
  const graph = parseGraph({
    nodes: [
      { node_id: "a", type: "t", batches: { on_failure: "set_aside" } },
      { node_id: "b", type: "t", depends_on: ["a"], io: { input_inline: { input_adapter: "pull.failures" } } },
      { node_id: "c", type: "t", depends_on: ["a"] },
    ],
  });
  expect(
    toSvg(graph)
      .match(/class="edge[^"]*"/g)
      ?.toSorted(),
  ).toEqual(['class="edge failed"', 'class="edge"']);
  expect(toDot(graph)).toContain('"a" -> "b" [label="failed batches"]\n  "a" -> "c"\n');
});

test("a drawing has the role of an image", () => {
  expect(toSvg(parseGraph({ nodes: [{ node_id: "a", type: "t" }] }))).toMatch(/^<svg [^>]*role="img"/);
});

test("text in a drawing is escaped", () => {
  const svg = toSvg(parseGraph({ name: `</title><a href='b' c="d">&`, nodes: [{ node_id: "a", type: "t" }] }));
  expect(svg).toContain("<title>&#60;/title&#62;&#60;a href=&#39;b&#39; c=&#34;d&#34;&#62;&#38;</title>");
});
