import { writeFileSync } from "node:fs";
import type { Reporter, TestModule, Vitest } from "vitest/node";

/** The result of a Vitest run, for scripts that combine it with other checks. */
export interface VitestSummary {
  readonly passed: number;
  readonly skipped: readonly { readonly name: string; readonly reason: string }[];
  readonly failed: readonly { readonly name: string; readonly error: string }[];
}

/**
 * Vitest's exit code and JSON report omit leaked timers and sockets (`detectAsyncLeaks` only prints them) and the
 * reasons of skipped tests. This reporter fails the run on a leak and writes a {@link VitestSummary} to the file
 * `VITEST_SUMMARY`.
 */
export function summaryReporter(file = process.env.VITEST_SUMMARY): Reporter {
  let vitest: Vitest | undefined;
  return {
    onInit(started) {
      vitest = started;
    },
    onTestRunEnd(modules, unhandledErrors) {
      const leaks = [...(vitest?.state.leakSet ?? [])];
      if (leaks.length > 0) process.exitCode = 1;
      if (file === undefined) return;
      const summary = summarize(modules);
      const failed = [
        ...summary.failed,
        ...unhandledErrors.map((error) => ({ name: "unhandled error", error: error.message })),
        ...leaks.map((leak) => ({ name: leak.filename, error: `leaked ${leak.type}` })),
      ];
      writeFileSync(file, JSON.stringify({ ...summary, failed }));
    },
  };
}

function summarize(modules: readonly TestModule[]): VitestSummary {
  let passed = 0;
  const skipped: { name: string; reason: string }[] = [];
  const failed: { name: string; error: string }[] = [];
  for (const module of modules) {
    // Files that could not be loaded and failed suite hooks, which no test reports.
    for (const part of [module, ...module.children.allSuites()]) {
      const name = part.type === "module" ? part.relativeModuleId : `${module.relativeModuleId} > ${part.fullName}`;
      for (const error of part.errors()) failed.push({ name, error: error.message });
    }
    for (const test of module.children.allTests()) {
      const name = `${module.relativeModuleId} > ${test.fullName}`;
      const result = test.result();
      if (result.state === "passed") passed += 1;
      else if (result.state === "skipped") skipped.push({ name, reason: result.note ?? "no reason given" });
      else failed.push({ name, error: result.errors?.[0]?.message ?? `ended as ${result.state}` });
    }
  }
  return { passed, skipped, failed };
}
