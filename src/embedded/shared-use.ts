/** A store, or a bus. */
interface Resource {
  open?(): Promise<void>;
  close(): Promise<void>;
}

interface Use {
  users: number;
  readonly opened: Promise<void>;
}

const uses = new WeakMap<Resource, Use>();

/**
 * Opens what several objects of this process share: the first that comes opens it, the others wait for that. Each gives
 * it back with {@link giveBack}, also when this rejects.
 */
export async function takeShared(resource: Resource): Promise<void> {
  let use = uses.get(resource);
  if (use === undefined) {
    use = { users: 0, opened: resource.open?.() ?? Promise.resolve() };
    uses.set(resource, use);
  }
  use.users++;
  await use.opened;
}

/** The last that gives it back closes it. */
export async function giveBack(resource: Resource): Promise<void> {
  const use = uses.get(resource);
  if (use === undefined || --use.users > 0) return;
  uses.delete(resource);
  await resource.close();
}
