import { defineHandler, flow, param, silentLogger } from "flowkit";
import { createEngine } from "flowkit/engine";
import * as z from "zod";

const Answer = z.object({ ok: z.boolean(), by: z.string() });

const build = defineHandler("build", {
  output: z.object({ url: z.string() }),
  *iterBatches() {
    yield { payload: { url: "https://example.org/v2" } };
  },
});
const publish = defineHandler("publish", {
  input: z.object({ url: z.string() }),
  output: z.string(),
  processBatch: ({ url }) => `published ${url}`,
});
const audit = defineHandler("audit", {
  input: Answer,
  output: z.string(),
  processBatch: ({ ok, by }) => `${by} said ${ok ? "yes" : "no"}`,
});

const release = flow("release", { params: z.object({ waitSec: z.number() }) }).node("build", build);

/** Waits for an approval. Without an answer in time, the answer is no. */
const approved = release
  .wait("approve", {
    after: ["build"],
    payload: Answer,
    timeoutSec: 86_400,
    onTimeout: { ok: false, by: "nobody" },
  })
  .then("audit", audit)
  .node("publish", publish, {
    after: ["build", "approve"],
    input: { adapter: "pull.from_artifacts", from: ["build"] },
    when: { results: { approve: { ok: true } } },
  });

/** Waits for an external call that may never arrive, which does not fail the task. */
const mayBeLate = release
  .wait("scanned", { after: ["build"], payload: z.object({ clean: z.boolean() }), timeoutSec: 0.05, optional: true })
  .node("publish", publish, {
    after: ["build", "scanned"],
    input: { adapter: "pull.from_artifacts", from: ["build"] },
    when: [{ status: { scanned: "failed" } }, { results: { scanned: { clean: true } } }],
  });

/** Runs some time after the build, by a parameter. */
const later = release.then("publish", publish, { delaySec: param("waitSec") });

export async function waiting() {
  await using engine = await createEngine({
    logger: silentLogger, // a wait without an answer fails, as intended
    handlers: [build, publish, audit],
  });
  const params = { waitSec: 0.05 };
  const agreed = await engine.run(approved, { params });
  const answers = [
    await agreed.signal("approve", { ok: true, by: "ada" }),
    await agreed.signal("approve", { ok: false, by: "bob" }),
  ];
  const refused = await engine.run(approved, { params });
  await refused.signal("approve", { ok: false, by: "bob" });
  return {
    answers,
    agreed: await agreed.result(),
    refused: await refused.result(),
    mayBeLate: await (await engine.run(mayBeLate, { params })).result(),
    later: await (await engine.run(later, { params })).result(),
  };
}
