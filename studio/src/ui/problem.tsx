import { RequestError } from "../api/source.ts";
import { Note } from "./status.tsx";

/** An error: the server's message, with its documented code. */
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

/** For a server that is down, the browser only reports "Failed to fetch". */
const messageOf = (error: Error): string =>
  error instanceof TypeError ? "The server of this page is not responding." : error.message;
