import { expect, test } from "vitest";
import { conditions } from "../../../examples/control-flow/conditions.ts";
import { failures } from "../../../examples/control-flow/failures.ts";
import { perItem } from "../../../examples/control-flow/per-item.ts";
import { routing } from "../../../examples/control-flow/routing.ts";
import { schedules } from "../../../examples/control-flow/schedules.ts";
import { waiting } from "../../../examples/control-flow/waiting.ts";
import { runProcess } from "../../helpers/run-process.ts";

test("routing", async () => {
  expect(await routing()).toEqual({
    byKind: {
      refund: ["o2: 500 cents back", "o4: 1250 cents back"],
      pack: ["cup + pot", "tea"],
      dispute: ["o3 in fr", "o5 in de"],
    },
    byCountry: { german: ["o5 in de"], foreign: ["o3 in fr"] },
    notSold: { total: [{ refunds: 2, chargebacks: 2 }] },
  });
});

test("conditions", async () => {
  expect(await conditions()).toEqual({
    skipped: ["read finished", "rebuild skipped"],
    byParameter: { rebuild: ["index of 3"] },
    byResult: { load: [["tea", "pot"]] },
    neither: { rebuild: [] },
    either: { rebuild: ["index of 3"] },
  });
});

test("failures", async () => {
  expect(await failures()).toEqual({
    compensated: { status: "failed", failure: "pay: over_limit" },
    undo: ["undo 'pay' from o2 on: 4500 cents are too many"],
    caught: { ship: ["o1 is on its way"], ask: ["ask for an approval"] },
    closed: ["read finished", "pay failed", "ship cancelled"],
  });
});

test("waiting", async () => {
  const published = "published https://example.org/v2";
  expect(await waiting()).toEqual({
    answers: ["accepted", "already"],
    agreed: { audit: ["ada said yes"], publish: [published] },
    refused: { audit: ["bob said no"], publish: [] },
    mayBeLate: { publish: [published] },
    later: { publish: [published] },
  });
});

test("a flow per item", async () => {
  expect(await perItem()).toEqual({
    each: { status: "failed", failure: "subflow_failed at batch o2" },
    elements: { receipts: ["900 cents", "120 cents"] },
    settled: { paid: ["900 cents", "120 cents"], lost: ["charge: tea/o2 costs 4500 cents"] },
    tasks: ["o1 finished", "o2 failed", "o3 finished"],
  });
});

test("schedules", async () => {
  expect(await schedules()).toEqual({
    next: {
      nightly: ["2026-10-25T02:00", "2026-10-26T02:00"],
      poll: ["2026-10-24T13:31"],
      backlog: ["2026-10-24T14:00", "2026-10-24T15:00"],
    },
    nightly: { load: ["tea on 2026-10-25"] },
    backlog: undefined,
  });
});

test("the program runs one of them by name", async () => {
  const program = ["--import", "./test/helpers/flowkit-from-source.ts", "examples/control-flow/main.ts"];
  const run = await runProcess("node", [...program, "routing"]);
  expect(run.exitCode, run.output).toBe(0);
  expect(run.output).toContain("notSold: { total: [ { refunds: 2, chargebacks: 2 } ] }");
  expect(run.output).not.toContain("conditions");
  const unknown = await runProcess("node", [...program, "rooting"]);
  expect(unknown.exitCode).toBe(2);
  expect(unknown.output).toMatch(/^unknown example 'rooting': choose one of routing, conditions, /);
});
