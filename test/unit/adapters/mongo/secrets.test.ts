import { MongoClient, MongoNetworkError } from "mongodb";
import { expect, test } from "vitest";
import { translated } from "../../../../src/adapters/mongo/database/errors.ts";
import { redacting } from "../../../../src/adapters/mongo/options.ts";

const secret = "s3cr3t/p@ss";
const encoded = encodeURIComponent(secret);

test("a password is removed from the message, and the driver's error that contains it is omitted", () => {
  const redact = redacting(new MongoClient(`mongodb://me:${encoded}@127.0.0.1:1/x`));
  for (const words of [`no route to mongodb://me:${encoded}@127.0.0.1`, `refused me with ${secret}`]) {
    const error = translated(new MongoNetworkError(words), redact) as Error;
    expect(error).toMatchObject({ code: "STORE_UNAVAILABLE", retryable: true });
    expect(error.message).toContain("****");
    expect(`${error.stack} ${JSON.stringify(error)}`).not.toContain(secret);
    expect(`${error.stack} ${JSON.stringify(error)}`).not.toContain(encoded);
    expect(error.cause).toBeUndefined();
  }
});

test("the driver's error is the cause if it contains no secret", () => {
  const redact = redacting(new MongoClient("mongodb://127.0.0.1:1/x"));
  const cause = new MongoNetworkError("connection closed");
  expect(translated(cause, redact)).toMatchObject({ cause, message: "MongoDB request failed: connection closed" });
});
