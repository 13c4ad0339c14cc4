import type { AnnounceMessage, CancelMessage, CommandMessage, Message, StatusMessage } from "./messages.ts";

type Family = "command" | "status" | "signal" | "query" | "reply" | "announce";

type FamilyOf<TMessage> = TMessage extends CommandMessage
  ? "command"
  : TMessage extends StatusMessage
    ? "status"
    : TMessage extends CancelMessage
      ? "signal"
      : TMessage extends AnnounceMessage
        ? "announce"
        : "query" | "reply";

/** Which kinds there are, and what each is. */
const families = {
  TASK_START: "command",
  TASK_CANCEL: "command",
  TASK_ACCEPTED: "status",
  TASK_HEARTBEAT: "status",
  TASK_RESUMED: "status",
  BATCH_OK: "status",
  BATCH_FAILED: "status",
  TASK_DONE: "status",
  TASK_FAILED: "status",
  CANCELLED: "status",
  CANCEL: "signal",
  TASK_DISCOVER: "query",
  TASK_SNAPSHOT: "reply",
  WORKER_ONLINE: "announce",
  WORKER_OFFLINE: "announce",
} as const satisfies { readonly [TMessage in Message as TMessage["kind"]]: Family & FamilyOf<TMessage> };

export const isMessageKind = (kind: string): kind is Message["kind"] => Object.hasOwn(families, kind);

export const isStatus = (message: Message): message is StatusMessage => families[message.kind] === "status";

export const isAnnounceKind = (kind: Message["kind"]): kind is AnnounceMessage["kind"] => families[kind] === "announce";
