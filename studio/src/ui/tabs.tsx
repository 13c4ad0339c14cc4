import { useEffect, useRef } from "react";

/** Links, since each view has its own address. */
export function Tabs(props: {
  readonly label: string;
  readonly current: string;
  readonly tabs: readonly { readonly id: string; readonly label: string; readonly href: string }[];
}) {
  const { label, current, tabs } = props;
  const list = useRef<HTMLElement>(null);
  useEffect(() => {
    // On a narrow screen, the current tab may be out of view.
    list.current?.querySelector(`[data-tab="${current}"]`)?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [current]);
  return (
    <nav className="tabs" aria-label={label} ref={list}>
      {tabs.map((tab) => (
        <a key={tab.id} data-tab={tab.id} href={tab.href} aria-current={tab.id === current ? "page" : undefined}>
          {tab.label}
        </a>
      ))}
    </nav>
  );
}
