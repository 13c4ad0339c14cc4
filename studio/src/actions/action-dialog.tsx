import { type FormEvent, type ReactNode, useState } from "react";
import { Dialog } from "../ui/dialog.tsx";
import { Problem } from "../ui/problem.tsx";
import { toast } from "../ui/toasts.tsx";

/** Says what an action will do, and does it once if that is confirmed. */
export function ActionDialog(props: {
  readonly title: string;
  readonly confirm: string;
  readonly isDangerous?: boolean;
  readonly onClose: () => void;
  /** @returns what happened, in words; throws what the server refused */
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
