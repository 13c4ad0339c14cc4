import type { ReactNode, Ref } from "react";

/** A scrollable part of the page, focusable so that it can be scrolled by keyboard. */
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
