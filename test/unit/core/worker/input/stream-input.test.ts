import { beforeEach, describe, expect, test } from "vitest";
import { memoryStore } from "../../../../../src/adapters/memory/index.ts";
import type { Attempt, Origin } from "../../../../../src/core/model/records.ts";
import { sourceShard } from "../../../../../src/core/plan/index.ts";
import { artifactsDropped, type Store } from "../../../../../src/core/ports/index.ts";
import { type Source, StreamInput } from "../../../../../src/core/worker/input/index.ts";
import { node, parsed } from "../../../../helpers/graphs.ts";
import { numbers } from "../../../../helpers/handlers.ts";
import { seededRandom } from "../../../../helpers/seeded-random.ts";
import { Gate, until } from "../../../../helpers/waiting.ts";

const taskId = "t";
let store: Store;
let claims = 0;

beforeEach(async () => {
  store = memoryStore();
  await store.createTask({ id: taskId, graph: parsed(node("a"), node("b")), params: {}, priority: 0 });
});

async function running(nodeId: string, shard = 0): Promise<Attempt> {
  const ref = { taskId, nodeId, shard };
  await store.dispatch(ref, { type: nodeId, priority: 0 });
  const attempt = { ...ref, epoch: 1, claimId: `claim${claims++}` };
  await store.claim(attempt, { workerId: "w", claimId: attempt.claimId, leaseMs: 60_000 });
  return attempt;
}

async function append(attempt: Attempt, seqs: readonly number[], generation = 0, on: Store = store): Promise<void> {
  for (const seq of seqs) {
    const origin = { source: "", seq, chunk: 0 };
    await on.append(attempt, generation, { seq, uid: `${seq}`, origin, meta: `${attempt.nodeId}${seq}`, metrics: {} });
  }
}

const stream = (more: Partial<ConstructorParameters<typeof StreamInput>[0]> = {}) =>
  new StreamInput({
    store,
    taskId,
    sources: [sourceShard("a", 0)],
    sourceGens: {},
    origins: [],
    pageSize: 3,
    ...more,
  });

/** Pulls until nothing is left for now, or to the end. */
async function drain(
  input: StreamInput,
): Promise<{ readonly metas: unknown[]; readonly last: string; readonly skips: number[] }> {
  const metas: unknown[] = [];
  const skips: number[] = [];
  for (;;) {
    const pulled = await input.pull();
    if (pulled.kind !== "page") return { metas, last: pulled.kind, skips };
    metas.push(...pulled.artifacts.map(({ meta }) => meta));
    skips.push(pulled.skipChunks);
  }
}

describe("reading a source", () => {
  test("its record and its first page are read at the same time", async () => {
    const attempt = await running("a");
    await append(attempt, [0, 1]);
    await store.complete(attempt, { generation: 0, count: 2 });
    const gate = new Gate();
    const asked: string[] = [];
    const slow: Store = Object.assign(Object.create(store), {
      async readShards(...args: Parameters<Store["readShards"]>) {
        asked.push("record");
        await gate.pass();
        return store.readShards(...args);
      },
      readArtifacts(...args: Parameters<Store["readArtifacts"]>) {
        asked.push("page");
        return store.readArtifacts(...args);
      },
    });
    const pulling = stream({ store: slow }).pull();
    await until(() => asked.length === 2);
    gate.open();
    expect(await pulling).toMatchObject({ kind: "page", isAll: true, artifacts: [{ uid: "0" }, { uid: "1" }] });
  });

  test("a first page that is gone does not matter if the source has started over", async () => {
    const attempt = await running("a");
    await store.restart(attempt, { generation: 1, sourceGens: {} });
    const readArtifacts = async () => {
      throw artifactsDropped({ taskId, nodeId: "a" });
    };
    const dropping: Store = Object.assign(Object.create(store), {
      readArtifacts,
      readShards: (...args: Parameters<Store["readShards"]>) => store.readShards(...args),
    });
    expect(await stream({ store: dropping }).pull()).toMatchObject({ kind: "restarted", sourceGens: { "a/0": 1 } });
    const again = stream({ store: dropping, sourceGens: { "a/0": 1 } });
    await expect(again.pull()).rejects.toMatchObject({ code: "ARTIFACTS_DROPPED" });
  });

  test("in pages, in order, continuing when more arrives, until it has finished", async () => {
    const input = stream();
    expect(await input.pull()).toEqual({ kind: "nothing", sourceRunning: false });
    const a = await running("a");
    expect(await input.pull()).toEqual({ kind: "nothing", sourceRunning: true });
    await append(a, numbers(7));
    expect(await drain(input)).toMatchObject({ metas: numbers(7).map((n) => `a${n}`), last: "nothing" });
    await append(a, [7]);
    await store.complete(a, { generation: 0, count: 8 });
    expect(await drain(input)).toMatchObject({ metas: ["a7"], last: "end" });
    expect(await input.pull()).toEqual({ kind: "end" });
  });

  test.for([0, 1, 3, 6, 7])("of %i artifacts that has already finished: ends without a wait", async (count) => {
    const a = await running("a");
    await append(a, numbers(count));
    await store.complete(a, { generation: 0, count });
    expect(await drain(stream())).toMatchObject({ metas: numbers(count).map((n) => `a${n}`), last: "end" });
  });

  test("a source that waits for a retry is not running, nor is one whose task is cancelled", async () => {
    const a = await running("a");
    await append(a, [0]);
    const input = stream();
    await drain(input);
    await store.release(a, 60_000);
    expect(await input.pull()).toEqual({ kind: "nothing", sourceRunning: false });
  });

  test("a closed log of a shard that has not finished is not the end: only the shard's record decides", async () => {
    const gate = new Gate();
    const interrupted = memoryStore({
      step: (label) => (label === "complete:finish" ? gate.pass() : Promise.resolve()),
    });
    store = interrupted;
    await store.createTask({ id: taskId, graph: parsed(node("a")), params: {}, priority: 0 });
    const a = await running("a");
    await append(a, [0]);
    const input = stream();
    await drain(input);
    const completing = store.complete(a, { generation: 0, count: 1 });
    await until(() => gate.arrived === 1); // the marker is stored, the record is not
    expect(await store.tail(a, 0)).toMatchObject({ closed: true });
    expect(await input.pull()).toEqual({ kind: "nothing", sourceRunning: true });
    gate.open();
    await completing;
    expect(await input.pull()).toEqual({ kind: "end" });
  });
});

describe("continuing after an earlier attempt", () => {
  const origin = (source: string, seq: number, chunk = 0): Origin => ({ source, seq, chunk });

  test("begins with the last artifact it stored something of, and reports how many of its chunks are stored", async () => {
    const a = await running("a");
    await append(a, numbers(5));
    await store.complete(a, { generation: 0, count: 5 });
    const read = await drain(stream({ origins: [origin("a/0", 2, 4)] }));
    expect(read).toMatchObject({ metas: ["a2", "a3", "a4"], skips: [5], last: "end" });
  });

  test("resumes each source at its own position", async () => {
    const [a, b] = [await running("a"), await running("b")];
    for (const each of [a, b]) {
      await append(each, numbers(4));
      await store.complete(each, { generation: 0, count: 4 });
    }
    const sources = ["a", "b"].map((nodeId) => sourceShard(nodeId, 0));
    const read = await drain(stream({ sources, origins: [origin("b/0", 3)] }));
    expect(read.metas.toSorted()).toEqual(["a0", "a1", "a2", "a3", "b3"]);
  });

  test("with everything stored: the last artifact once more, then the end", async () => {
    const a = await running("a");
    await append(a, numbers(2));
    await store.complete(a, { generation: 0, count: 2 });
    expect(await drain(stream({ origins: [origin("a/0", 1)] }))).toMatchObject({
      metas: ["a1"],
      skips: [1],
      last: "end",
    });
  });
});

describe("several sources", () => {
  test("take turns, page by page, and end when all have ended", async () => {
    const [a, b] = [await running("a"), await running("b")];
    await append(a, numbers(6));
    await append(b, numbers(4));
    await store.complete(b, { generation: 0, count: 4 });
    const input = stream({ sources: ["a", "b"].map((nodeId) => sourceShard(nodeId, 0)) });
    const order: string[] = [];
    for (;;) {
      const pulled = await input.pull();
      if (pulled.kind !== "page") break;
      order.push((pulled.source as Source).nodeId);
    }
    expect(order.slice(0, 4)).toEqual(["a", "b", "a", "b"]);
    expect(await input.pull()).toEqual({ kind: "nothing", sourceRunning: true });
    await store.complete(a, { generation: 0, count: 6 });
    expect(await input.pull()).toEqual({ kind: "end" });
  });
});

describe("a source that restarts", () => {
  test("is reported, with the current generations of all, before anything of the new one is delivered", async () => {
    const [a, b] = [await running("a"), await running("b")];
    await append(a, numbers(2));
    await append(b, [0]);
    const sources = ["a", "b"].map((nodeId) => sourceShard(nodeId, 0));
    const input = stream({ sources });
    await drain(input);
    await store.restart(a, { generation: 1, sourceGens: {} });
    await append(a, [0], 1);
    expect(await input.pull()).toEqual({ kind: "restarted", sourceGens: { "a/0": 1, "b/0": 0 } });
    const again = stream({ sources, sourceGens: { "a/0": 1, "b/0": 0 } });
    expect((await drain(again)).metas.toSorted()).toEqual(["a0", "b0"]);
  });

  test("is noticed at the first look by a reader whose own output is based on the old generation", async () => {
    const a = await running("a");
    await append(a, [0]);
    await store.restart(a, { generation: 1, sourceGens: {} });
    expect(await stream({ sourceGens: { "a/0": 0 } }).pull()).toEqual({ kind: "restarted", sourceGens: { "a/0": 1 } });
  });
});

test("a batch stored between 'nothing new' and 'finished' is not lost, wherever the writes fall between the reads", async () => {
  for (let seed = 0; seed < 40; seed++) {
    const random = seededRandom(seed);
    const pace = async () => {
      while (random() < 0.6) await Promise.resolve();
    };
    const inner = memoryStore();
    store = inner;
    await store.createTask({ id: taskId, graph: parsed(node("a"), node("b")), params: {}, priority: 0 });
    const paced = new Proxy(inner, {
      get(target, key: keyof Store) {
        const method = target[key] as (...args: unknown[]) => Promise<unknown>;
        return async (...args: unknown[]) => {
          await pace();
          const answer = await method.apply(target, args);
          await pace();
          return answer;
        };
      },
    });
    const producers = ["a", "b"].map(async (nodeId) => {
      const attempt = await running(nodeId);
      const count = Math.floor(random() * 6);
      await append(attempt, numbers(count), 0, paced);
      await paced.complete(attempt, { generation: 0, count });
      return numbers(count).map((n) => `${nodeId}${n}`);
    });
    const input = stream({
      store: paced,
      pageSize: 1 + Math.floor(random() * 3),
      sources: ["a", "b"].map((nodeId) => sourceShard(nodeId, 0)),
    });
    const got: unknown[] = [];
    for (let read = await drain(input); ; read = await drain(input)) {
      got.push(...read.metas);
      if (read.last === "end") break;
    }
    expect(got.toSorted(), `seed ${seed}`).toEqual((await Promise.all(producers)).flat());
  }
});
