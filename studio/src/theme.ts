import { useEffect, useLayoutEffect, useState } from "react";

export type Theme = "light" | "dark";

const key = "flowkit-theme";
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const systemTheme = (): Theme => (dark.matches ? "dark" : "light");

/** The chosen theme, or the system's; and a function that switches to the other one. */
export function useTheme(): readonly [Theme, () => void] {
  const [theme, setTheme] = useState<Theme>(() => storedTheme() ?? systemTheme());
  // Before the first paint, which would otherwise be light.
  useLayoutEffect(() => {
    document.documentElement.dataset.theme = theme;
  }, [theme]);
  useEffect(() => {
    const follow = () => setTheme((current) => storedTheme() ?? (current && systemTheme()));
    dark.addEventListener("change", follow);
    return () => dark.removeEventListener("change", follow);
  }, []);
  const toggle = () =>
    setTheme((current) => {
      const next = current === "dark" ? "light" : "dark";
      store(next);
      return next;
    });
  return [theme, toggle];
}

function storedTheme(): Theme | undefined {
  const stored = attempt(() => window.localStorage.getItem(key));
  return stored === "light" || stored === "dark" ? stored : undefined;
}

const store = (theme: Theme): void => attempt(() => window.localStorage.setItem(key, theme));

/** Storage is unavailable in a file opened from disk, or if the browser blocks it: the choice then lasts as long as the page. */
function attempt<T>(access: () => T): T | undefined {
  try {
    return access();
  } catch {
    return undefined;
  }
}
