import type { ReactNode, Ref } from "react";

/** A part of the page that scrolls: it can be focused, so that it scrolls by keyboard too. */
export function Region(props: {
  readonly label: string;
  readonly className?: string;
  readonly ref?: Ref<HTMLElement>;
  readonly children: ReactNode;
}) {
  const { label, className = "", ref, children } = props;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region has to be reachable by keyboard
    <section className={`scroll ${className}`} tabIndex={0} aria-label={label} ref={ref}>
      {children}
    </section>
  );
}
