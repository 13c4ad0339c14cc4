import { defineHandler, flow, param } from "flowkit";
import { expect, test } from "vitest";
import * as z from "zod";

test("a parameter in a template string throws where the string is built", () => {
  expect(() => `https://site/${param("day")}`).toThrow("param('day') is filled in when a task is created");
  expect(JSON.stringify(param("day"))).toBe('{"$ref":"params.day"}');
});

test("names that could change an object's prototype are refused where they are written", () => {
  const one = defineHandler("one", { output: z.int(), processBatch: () => 1 });
  expect(() => defineHandler("constructor", { output: z.int(), processBatch: () => 1 })).toThrow(
    "handler name 'constructor' is not allowed",
  );
  expect(flow("f").node("toString", one).compile().nodes).toHaveLength(1);
});
