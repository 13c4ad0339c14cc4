import type { KafkaBusOptions } from "./options.ts";

/** Takes secrets out of a text. */
export type Redact = (text: string) => string;

const secretFields = ["password", "secretAccessKey", "sessionToken"];

/** Whatever the driver says of its options, their secrets are not in it. */
export function redactor({ sasl, ssl }: Pick<KafkaBusOptions, "sasl" | "ssl">): Redact {
  const secrets = Object.entries(sasl ?? {})
    .filter(([field, value]) => secretFields.includes(field) && typeof value === "string" && value !== "")
    .map(([, value]) => String(value));
  if (typeof ssl === "object" && typeof ssl.passphrase === "string" && ssl.passphrase !== "")
    secrets.push(ssl.passphrase);
  const forms = secrets.flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1)]);
  return (text) => forms.reduce((redacted, secret) => redacted.replaceAll(secret, "[secret]"), text);
}

const mostErrors = 5;

/** With the words of those that an error stands for: the driver says "Topic creation errors", they say which. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const parts = "errors" in error && Array.isArray(error.errors) ? error.errors.map(messageOf) : [];
  return [error.message, ...[...new Set(parts)].slice(0, mostErrors)].join(": ");
}
