import type { Setting } from "../api/source.ts";
import type { LinkTo } from "../router.ts";
import { Fact } from "../ui/fact.tsx";

/** Nodes as links; nothing if there are none. */
export function NodesFact(props: { readonly name: string; readonly ids: readonly string[]; readonly linkTo: LinkTo }) {
  const { name, ids, linkTo } = props;
  if (ids.length === 0) return null;
  return (
    <Fact name={name}>
      <ul className="inline-list">
        {ids.map((id) => (
          <li key={id}>
            <a href={linkTo(id)}>{id}</a>
          </li>
        ))}
      </ul>
    </Fact>
  );
}

export function SettingsFacts({ settings }: { readonly settings: readonly Setting[] }) {
  return settings.map(({ name, text }) => (
    <Fact key={name} name={name}>
      {text}
    </Fact>
  ));
}
