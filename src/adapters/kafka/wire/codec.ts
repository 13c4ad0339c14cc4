import * as z from "zod";
import type { Message } from "../../../core/messages/messages.ts";
import { fromEnvelope, Unreadable } from "./from-envelope.ts";
import { type Stamp, toEnvelope } from "./to-envelope.ts";

export type { Stamp } from "./to-envelope.ts";

/** A message in Kafka: compact JSON, with W3C trace context in a header. */
export interface WireMessage {
  readonly value: Buffer;
  readonly headers: { readonly traceparent?: string };
}

export type Decoded = { readonly message: Message } | { readonly problem: string };

const utf8 = new TextDecoder("utf-8", { fatal: true });
const mostIssues = 5;

export function encode(message: Message, stamp: Stamp): WireMessage {
  const { traceparent } = message;
  return {
    value: Buffer.from(JSON.stringify(toEnvelope(message, stamp))),
    headers: traceparent === undefined ? {} : { traceparent },
  };
}

/** Never throws: an unreadable message is returned as a problem. */
export function decode(value: Uint8Array | null, traceparent?: string): Decoded {
  if (value === null) return { problem: "the message has no value" };
  try {
    const message = fromEnvelope(JSON.parse(utf8.decode(value)));
    return { message: traceparent === undefined ? message : { ...message, traceparent } };
  } catch (error) {
    return { problem: problemOf(error) };
  }
}

function problemOf(error: unknown): string {
  if (error instanceof z.ZodError) {
    const issues = error.issues
      .slice(0, mostIssues)
      .map(({ path, message }) => `${path.join(".") || "envelope"}: ${message}`);
    return issues.join("; ");
  }
  if (error instanceof Unreadable) return error.message;
  return error instanceof SyntaxError ? "not valid JSON" : "not valid UTF-8";
}
