import { RequestError } from "../api/source.ts";
import { Note } from "./status.tsx";

/** What could not be read or done: the server's words, with the code that its documentation lists. */
export function Problem({ error, className = "" }: { readonly error: Error; readonly className?: string }) {
  return (
    <Note tone="failed" icon="warning" className={className} role="alert">
      {error instanceof RequestError ? (
        <>
          {error.message} <code>{error.code}</code>
        </>
      ) : (
        messageOf(error)
      )}
    </Note>
  );
}

/** The browser says no more than "Failed to fetch" of a server that is gone. */
const messageOf = (error: Error): string =>
  error instanceof TypeError ? "The server of this page is not responding." : error.message;
