import { Component, type ReactNode } from "react";
import { Note } from "./status.tsx";

interface Props {
  readonly children: ReactNode;
}

/** Shows the error of a part of the page, instead of a blank page. */
export class ErrorBoundary extends Component<Props, { readonly error?: Error }> {
  override state: { readonly error?: Error } = {};

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  override render() {
    const { error } = this.state;
    if (error === undefined) return this.props.children;
    return (
      <div className="padded">
        <Note tone="failed" icon="warning" role="alert">
          <p>This part of the page has failed: {error.message}</p>
          <p>If the studio was updated in the meantime, reload the page.</p>
        </Note>
        <button type="button" className="button" onClick={() => window.location.reload()}>
          Reload the page
        </button>
      </div>
    );
  }
}
