import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, inject, onTestFinished, test, vi } from "vitest";
import { docPrograms } from "../helpers/doc-programs.ts";
import { startProcess } from "../helpers/run-process.ts";
import { needsServices } from "./services.ts";

needsServices("kafka", "mongodb");

/** The console decides the layout of values. */
const bare = (text: string) => text.replaceAll(/\s+/g, "");
const patience = { timeoutMs: 100_000 };

test("the README's program runs as a coordinator, a worker and a client", async () => {
  const [program, ...others] = docPrograms(readFileSync("README.md", "utf8")).filter(({ code }) =>
    code.includes("new Worker(shared)"),
  );
  if (program === undefined || others.length > 0) throw new Error("the README has no such program");
  const file = resolve(`.cache/readme-${process.pid}.ts`); // inside the repository, because it imports its packages
  mkdirSync(".cache", { recursive: true });
  writeFileSync(file, program.code);
  onTestFinished(() => rmSync(file));
  vi.stubEnv("KAFKA_BROKERS", inject("kafkaBrokers"));
  vi.stubEnv("MONGODB_URL", inject("mongodbUrl"));
  const args = ["--import", resolve("test/helpers/flowkit-from-source.ts"), file];
  const parts = ["coordinator", "worker"].map((role) => startProcess("node", [...args, role], patience));
  onTestFinished(() => {
    for (const part of parts) part.signal("SIGKILL");
  });
  const { exitCode, output } = await startProcess("node", args, patience).outcome;
  expect(exitCode, output).toBe(0);
  expect(bare(output)).toBe(bare(program.prints.at(-1) ?? ""));
  for (const part of parts) part.signal("SIGTERM");
  for (const part of parts) expect(await part.outcome).toEqual({ exitCode: 0, output: "" });
});
