import { Icon, type IconName } from "./icon.tsx";

type Tone = "running" | "finished" | "failed" | "waiting" | "quiet" | "paused";

interface Look {
  readonly label: string;
  readonly icon: IconName;
  readonly tone: Tone;
}

/** The looks of states of tasks and nodes. Each has its own shape and word; colour is redundant. */
const looks: Readonly<Record<string, Look>> = {
  queued: { label: "Queued", icon: "queued", tone: "quiet" },
  running: { label: "Running", icon: "running", tone: "running" },
  deferred: { label: "Waiting", icon: "waiting", tone: "waiting" },
  paused: { label: "Paused", icon: "paused", tone: "paused" },
  cancelling: { label: "Cancelling", icon: "running", tone: "quiet" },
  finished: { label: "Finished", icon: "finished", tone: "finished" },
  failed: { label: "Failed", icon: "failed", tone: "failed" },
  cancelled: { label: "Cancelled", icon: "cancelled", tone: "quiet" },
  skipped: { label: "Skipped", icon: "skipped", tone: "quiet" },
};

export const statusText = (status: string): string => lookOf(status).label;

const lookOf = (status: string): Look => looks[status] ?? { label: status, icon: "queued", tone: "quiet" };

export function StatusIcon({ status }: { readonly status: string }) {
  const { icon } = lookOf(status);
  return <Icon name={icon} className={icon === "running" ? "spin" : ""} />;
}

/**
 * @param props.bare - without a background, for rows and nodes
 * @param props.text - shown instead of the name of the state
 */
export function Status(props: {
  readonly status: string;
  readonly bare?: boolean;
  readonly text?: string | undefined;
}) {
  const { status, bare = false, text } = props;
  const { label, tone } = lookOf(status);
  return (
    <span className={`status tone-${tone} ${bare ? "bare" : ""}`} data-status={status}>
      <StatusIcon status={status} />
      {text ?? label}
    </span>
  );
}

/** A message with an icon, in the colour of a status. */
export function Note(props: {
  readonly tone: Tone;
  readonly icon: IconName;
  readonly className?: string;
  readonly role?: "alert" | "status";
  readonly children: React.ReactNode;
}) {
  const { tone, icon, className = "", role, children } = props;
  return (
    <div className={`note tone-${tone} ${className}`} role={role}>
      <Icon name={icon} />
      <div>{children}</div>
    </div>
  );
}
