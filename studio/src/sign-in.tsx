import { type FormEvent, useState } from "react";
import { useSource } from "./api/queries.ts";
import { Icon } from "./ui/icon.tsx";
import { Problem } from "./ui/problem.tsx";

/** Asks for the token of a studio that other machines can reach. */
export function SignIn({ onSignedIn }: { readonly onSignedIn: () => void }) {
  const source = useSource();
  const [token, setToken] = useState("");
  const [error, setError] = useState<Error>();
  const signIn = async (event: FormEvent) => {
    event.preventDefault();
    try {
      await source.post(["session"], { token });
      onSignedIn();
    } catch (failure) {
      setError(failure as Error);
    }
  };
  return (
    <main className="sign-in">
      <form onSubmit={(event) => void signIn(event)}>
        <h1>
          <Icon name="logo" /> FlowKit Studio
        </h1>
        <div className="field">
          <label htmlFor="token">Token</label>
          <input
            id="token"
            className="input"
            type="password"
            autoComplete="current-password"
            required
            value={token}
            onChange={(event) => setToken(event.target.value)}
          />
          <span className="hint">The token that the studio was started with.</span>
        </div>
        {error === undefined ? null : <Problem error={error} />}
        <button type="submit" className="button primary">
          Sign in
        </button>
      </form>
    </main>
  );
}
