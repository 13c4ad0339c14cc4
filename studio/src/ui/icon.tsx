import type { ReactNode } from "react";

const inCircle = (mark: ReactNode): ReactNode => (
  <>
    <circle cx="8" cy="8" r="6.25" />
    {mark}
  </>
);

const icons = {
  running: (
    <>
      <circle cx="8" cy="8" r="6" opacity="0.25" />
      <path d="M14 8a6 6 0 0 0-6-6" />
    </>
  ),
  finished: inCircle(<path d="m5 8.2 2.1 2.1L11 6.2" />),
  failed: inCircle(<path d="m5.8 5.8 4.4 4.4m0-4.4-4.4 4.4" />),
  queued: <circle cx="8" cy="8" r="6.25" strokeDasharray="2.4 2.5" />,
  waiting: inCircle(<path d="M8 4.6V8l2.2 1.6" />),
  paused: inCircle(<path d="M6.4 5.8v4.4m3.2-4.4v4.4" />),
  cancelled: inCircle(<path d="m3.7 3.7 8.6 8.6" />),
  skipped: <path d="m3 4.5 4 3.5-4 3.5zM8.5 4.5l4 3.5-4 3.5zM14 4v8" />,
  play: <path d="M5 3.5v9l7-4.5z" />,
  stop: <rect x="4" y="4" width="8" height="8" rx="1" />,
  retry: <path d="M13 8a5 5 0 1 1-1.6-3.7M13 2.5v3h-3" />,
  close: <path d="m4 4 8 8m0-8-8 8" />,
  chevron: <path d="m6 4 4 4-4 4" />,
  back: <path d="m10 4-4 4 4 4" />,
  sun: (
    <>
      <circle cx="8" cy="8" r="3" />
      <path d="M8 1.5v1.6M8 12.9v1.6M1.5 8h1.6M12.9 8h1.6M3.4 3.4l1.1 1.1M11.5 11.5l1.1 1.1M12.6 3.4l-1.1 1.1M4.5 11.5l-1.1 1.1" />
    </>
  ),
  moon: <path d="M13 9.6A5.6 5.6 0 0 1 6.4 3a5.6 5.6 0 1 0 6.6 6.6z" />,
  copy: (
    <>
      <rect x="5.5" y="5.5" width="7.5" height="7.5" rx="1" />
      <path d="M3 10.5V4a1 1 0 0 1 1-1h6.5" />
    </>
  ),
  signal: (
    <>
      <path d="M4.4 11.6a5 5 0 0 1 0-7.2M11.6 4.4a5 5 0 0 1 0 7.2" />
      <circle cx="8" cy="8" r="1.2" fill="currentColor" />
    </>
  ),
  bottleneck: <path d="M3 2.5c0 3 3.6 3.4 3.6 5.5S3 10.5 3 13.5M13 2.5c0 3-3.6 3.4-3.6 5.5s3.6 2.5 3.6 5.5" />,
  fit: <path d="M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10" />,
  plus: <path d="M8 3v10M3 8h10" />,
  minus: <path d="M3 8h10" />,
  warning: <path d="M8 2.2 14.2 13H1.8zM8 6.4v3.2m0 1.6v.2" />,
  info: inCircle(<path d="M8 7.2v3.6M8 5v.2" />),
  debug: <path d="M3.5 8h.1M8 8h.1m4.4 0h.1" strokeWidth="2.2" />,
  logo: (
    <>
      <path d="M4 4v8M4 8h4.5A3.5 3.5 0 0 0 12 5" />
      <circle cx="4" cy="3" r="1.6" fill="currentColor" />
      <circle cx="4" cy="13" r="1.6" fill="currentColor" />
      <circle cx="12" cy="4" r="1.6" fill="currentColor" />
    </>
  ),
} as const satisfies Readonly<Record<string, ReactNode>>;

export type IconName = keyof typeof icons;

/** Always beside text, or in a control with its own label: hidden from screen readers. */
export function Icon({ name, className = "" }: { readonly name: IconName; readonly className?: string }) {
  return (
    <svg
      className={`icon ${className}`}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.5"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      {icons[name]}
    </svg>
  );
}
