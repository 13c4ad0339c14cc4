import { inject, type TestContext } from "vitest";
import type { Secured } from "../../scripts/services/kafka-security.ts";

/** Users of the shared broker's secured listener, and their passwords. They have no permissions without an ACL. */
export const kafkaUsers = {
  alice: "alice-s3cret",
  coordinator: "c-s3cret",
  worker: "w-s3cret",
  client: "cl-s3cret",
  nobody: "n-s3cret",
  shop: "s3cret-of-shop",
} as const;

export type KafkaUser = keyof typeof kafkaUsers;

/** The secured listener; without one, since the broker's address was given, the test is skipped. */
export function securedKafka({ skip }: Pick<TestContext, "skip">): Secured {
  return inject("kafkaSecured") ?? skip("the given broker's secured listener is not known");
}
