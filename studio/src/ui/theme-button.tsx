import { useTheme } from "../theme.ts";
import { Icon } from "./icon.tsx";

export function ThemeButton() {
  const [theme, toggle] = useTheme();
  return (
    <button
      type="button"
      className="button quiet icon"
      aria-label={theme === "dark" ? "Use the light theme" : "Use the dark theme"}
      onClick={toggle}
    >
      <Icon name={theme === "dark" ? "sun" : "moon"} />
    </button>
  );
}
