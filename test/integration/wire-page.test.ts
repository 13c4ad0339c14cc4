import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { expect, test } from "vitest";

const golden = new URL("../unit/adapters/kafka/wire/golden/", import.meta.url);
const page = readFileSync(new URL("../../docs/wire.md", import.meta.url), "utf8");
const examples = new Map(
  [...page.matchAll(/^### (\w+)\n\n[^#]*?```json\n(.*?)```/gms)].map(([, kind = "", json = ""]) => [
    kind,
    JSON.parse(json) as unknown,
  ]),
);
const kinds = readdirSync(golden).map((file) => basename(file, ".json"));

test.for(kinds)("the example of %s on the page equals the encoded message", (kind) => {
  const text = readFileSync(new URL(`${kind}.json`, golden), "utf8");
  expect(examples.get(kind)).toEqual(JSON.parse(text));
});

test("the page contains only existing messages", () => {
  expect([...examples.keys()].filter((kind) => !kinds.includes(kind))).toEqual([]);
});
