import { beforeEach, inject } from "vitest";

type ServiceName = "kafka" | "mongodb" | "postgres";

/**
 * Declares the servers that the tests of a file or of a `describe` need. Without a server they are skipped with the
 * reason; with `FLOWKIT_REQUIRE_SERVICES=1` they fail.
 *
 * @example
 * needsServices("mongodb")
 * test("...", () => mongoStore({ url: inject("mongodbUrl") }))
 */
export function needsServices(...names: readonly [ServiceName, ...ServiceName[]]): void {
  const services = inject("services");
  beforeEach(({ skip }) => {
    for (const name of names) {
      const service = services[name];
      if ("failed" in service) throw new Error(service.failed);
      if ("missing" in service) skip(service.missing);
    }
  });
}
