import { type FormEvent, type ReactNode, useState } from "react";
import { Dialog } from "../ui/dialog.tsx";
import { Problem } from "../ui/problem.tsx";
import { toast } from "../ui/toasts.tsx";

/** Explains an action, and performs it once the user has confirmed it. */
export function ActionDialog(props: {
  readonly title: string;
  readonly confirm: string;
  readonly isDangerous?: boolean;
  readonly onClose: () => void;
  /** @returns a sentence about what happened. @throws the error of the server */
  readonly act: () => Promise<string>;
  readonly children: ReactNode;
}) {
  const { title, confirm, isDangerous = false, onClose, act, children } = props;
  const [isActing, setActing] = useState(false);
  const [error, setError] = useState<Error>();
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setActing(true);
    setError(undefined);
    try {
      toast(await act());
      onClose();
    } catch (failure) {
      setError(failure as Error);
      setActing(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={(event) => void submit(event)} noValidate>
        {children}
        {error === undefined ? null : <Problem error={error} />}
        <footer>
          <button type="button" className="button" onClick={onClose}>
            Close
          </button>
          <button type="submit" className={`button ${isDangerous ? "danger" : "primary"}`} disabled={isActing}>
            {confirm}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
