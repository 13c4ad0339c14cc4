import type { KafkaBusOptions } from "./options.ts";

/** Removes secrets from a text. */
export type Redact = (text: string) => string;

const secretFields = ["password", "secretAccessKey", "sessionToken"];

/** Keeps the secrets of the options out of the driver's messages. */
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

/** Includes the messages of aggregated errors: the driver's own is only "Topic creation errors". */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const parts = "errors" in error && Array.isArray(error.errors) ? error.errors.map(messageOf) : [];
  return [error.message, ...[...new Set(parts)].slice(0, mostErrors)].join(": ");
}
