import { expect, test } from "vitest";
import * as z from "zod";
import { defineHandler, flow, param } from "../../../src/index.ts";
import type {
  ArtifactPage,
  EventPage,
  FlowDetail,
  FlowList,
  Lineage,
  ListEvents,
  TaskPage,
  Timeline,
  WorkerList,
} from "../../../src/studio/api.ts";
import { type NewPlace, numbers, openPlace, post, squaresFlow } from "./fixture.ts";

/** The reads of the studio's API about tasks and flows. */
export function readingContract(newPlace: NewPlace): void {
  test("artifacts, events and the lineage of a batch are read page by page", async () => {
    const given = squaresFlow(undefined, { mended: true });
    const { engine, studio: openStudio } = await openPlace(newPlace(), given);
    const studio = await openStudio([given]);
    const task = await engine.run(given.flow, { params: { count: 7 } });
    await task.wait();

    const artifacts: ArtifactPage["items"][number][] = [];
    for (let query = "limit=3"; query !== ""; ) {
      const page = (await studio.ask(`/api/tasks/${task.id}/nodes/square/artifacts?${query}`)).json as ArtifactPage;
      expect(page.stored).toBe(7);
      expect(page.items.length).toBeLessThanOrEqual(3);
      artifacts.push(...page.items);
      query = page.cursor === undefined ? "" : `limit=3&cursor=${page.cursor}`;
    }
    expect(artifacts.map(({ seq }) => seq)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(artifacts.find(({ uid }) => uid === "n3")).toMatchObject({
      output: { value: { square: 9 } },
      origin: { nodeId: "numbers", shard: 0, seq: 3 },
    });

    const seqOf = (uid: string) => artifacts.find((each) => each.uid === uid)?.seq;
    const lineage = (await studio.ask(`/api/tasks/${task.id}/nodes/square/lineage?shard=0&seq=${seqOf("n3")}`))
      .json as Lineage;
    expect(lineage).toMatchObject({
      batch: { uid: "n3" },
      up: [{ nodeId: "numbers", seq: 3, uid: "n3", failed: false }],
      down: [{ nodeId: "total", uid: "n3", failed: false }],
      incomplete: false,
    });
    const below = (await studio.ask(`/api/tasks/${task.id}/nodes/numbers/lineage?shard=0&seq=5`)).json as Lineage;
    expect(below.down.map(({ nodeId, uid }) => [nodeId, uid])).toEqual([
      ["square", "n5"],
      ["total", "n5"],
    ]);

    const events: EventPage["items"][number][] = [];
    for (let query = "limit=4"; query !== ""; ) {
      const page = (await studio.ask(`/api/tasks/${task.id}/events?${query}`)).json as EventPage;
      events.push(...page.items);
      query = page.hasMore ? `limit=4&cursor=${encodeURIComponent(page.cursor)}` : "";
    }
    expect(events[0]?.text).toBe("the task was created");
    expect(events.at(-1)).toMatchObject({ to: "finished", text: "the task finished" });
    expect(events.filter(({ nodeId }) => nodeId === "square").map(({ to }) => to)).toEqual([
      "queued",
      "running",
      "finished",
    ]);
    expect(new Set(events.map((event) => JSON.stringify(event))).size).toBe(events.length);

    const { spans, from, to } = (await studio.ask(`/api/tasks/${task.id}/timeline`)).json as Timeline;
    expect(new Set(spans.map(({ nodeId }) => nodeId))).toEqual(new Set(["numbers", "square", "total"]));
    for (const span of spans) expect(from <= span.from && (span.to ?? 0) <= to).toBe(true);
  });

  test("tasks are filtered, and changes of the list are streamed", async () => {
    const given = squaresFlow();
    const other = { flow: flow("other").node("numbers", numbers, { args: { count: 1 } }) };
    const { engine, studio: openStudio } = await openPlace(newPlace(), given);
    const studio = await openStudio([given, other]);
    const runs: string[] = [];
    for (let n = 0; n < 5; n++) {
      const idempotencyKey = `key ${n}`;
      const task = await (n % 2 === 0
        ? engine.run(given.flow, { idempotencyKey })
        : engine.run(other.flow, { idempotencyKey }));
      await task.wait();
      runs.push(task.id);
    }
    const idsOf = async (query: string) =>
      ((await studio.ask(`/api/tasks?${query}`)).json as TaskPage).items.map(({ id }) => runs.indexOf(id));
    expect(await idsOf("")).toEqual([4, 3, 2, 1, 0]);
    expect(await idsOf("flow=other")).toEqual([3, 1]);
    expect(await idsOf("text=KEY%202")).toEqual([2]);
    expect(await idsOf(`text=${runs[3]}`)).toEqual([3]);
    expect(await idsOf("state=failed&state=cancelled")).toEqual([]);
    expect(await idsOf("until=0")).toEqual([]);
    expect(await idsOf("since=0")).toEqual([4, 3, 2, 1, 0]);
    const first = (await studio.ask("/api/tasks?limit=2")).json as TaskPage;
    expect(first.items.map(({ id }) => runs.indexOf(id))).toEqual([4, 3]);
    expect(await idsOf(`limit=2&cursor=${first.cursor}`)).toEqual([2, 1]);

    const stream = studio.stream("/api/stream?flow=other");
    expect(await stream.next()).toMatchObject({ value: { event: "reset" } });
    const unseen = await engine.run(given.flow);
    await unseen.wait();
    const seen = await engine.run(other.flow);
    await seen.wait();
    const states = new Set<string>();
    for await (const { data } of stream) {
      const { changed } = data as ListEvents["tasks"];
      expect(changed.every(({ flow: name }) => name === "other")).toBe(true);
      for (const row of changed) if (row.id === seen.id) states.add(row.state);
      if (states.has("finished")) break;
    }
    const workers = (await studio.ask("/api/workers")).json as WorkerList;
    expect(workers.items.filter(({ id }) => id.startsWith("worker-"))).toMatchObject([
      { types: expect.arrayContaining(["numbers", "square"]), running: 0 },
    ]);
  });

  test("flows of files are compared with the version that ran last", async () => {
    const given = squaresFlow();
    const { engine, studio: openStudio } = await openPlace(newPlace(), given);
    await (await engine.run(given.flow, { params: { count: 2 } })).wait();
    const same = await openStudio([given]);
    expect((await same.ask("/api/flows")).json as FlowList).toMatchObject({
      items: [{ name: "squares", origin: "file", changed: false, lastRun: { state: "finished" } }],
    });
    const changed = {
      flow: flow("squares", { params: z.object({ count: z.int().min(1).default(5) }) })
        .node("numbers", numbers, { args: { count: param("count") }, retry: { max: 7 } })
        .then(
          "copy",
          defineHandler("copy", { input: z.object({ n: z.int() }), output: z.int(), processBatch: (b) => b.n }),
        ),
    };
    const studio = await openStudio([changed]);
    const detail = (await studio.ask("/api/flows/squares")).json as FlowDetail;
    expect(detail).toMatchObject({ canStart: true, changed: true, paramsSchema: { type: "object" } });
    expect(detail.diff?.changes).toContainEqual({ kind: "removed", what: "node square" });
    expect(detail.diff?.changes).toContainEqual({
      kind: "changed",
      what: "node numbers",
      path: "/retry_policy",
      after: '{"max":7}',
    });
    const none = await openStudio();
    expect((await none.ask("/api/flows")).json as FlowList).toMatchObject({ items: [{ origin: "store" }] });
    expect((await none.ask("/api/flows/squares")).json as FlowDetail).toMatchObject({ canStart: false });
    expect(await none.ask("/api/tasks", post({ flow: "squares" }))).toMatchObject({
      status: 404,
      json: { code: "STUDIO_NOT_FOUND" },
    });
    for (const action of ["pause", "resume"]) {
      expect(await none.ask(`/api/flows/squares/${action}`, post({}))).toMatchObject({ status: 200 });
      const { paused } = (await none.ask("/api/flows/squares")).json as FlowDetail;
      expect(paused).toBe(action === "pause");
    }
  });
}
