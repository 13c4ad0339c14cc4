/** A mistake planted in the engine: the simulation must find it, or it has a hole. */
export interface Mutation {
  readonly name: string;
  readonly edits: readonly Edit[];
  /** What the simulation is told besides. */
  readonly options?: readonly string[];
  /** Why no simulation can see it: it costs time, not correctness. Shown, and not counted as a miss. */
  readonly harmless?: string;
  /** What finds it where no seed does, being too rare a coincidence: it is run against the mistake too. */
  readonly elsewhere?: DirectedTest;
}

export interface Edit {
  readonly file: string;
  /** Must be there exactly once. */
  readonly search: string;
  readonly replace: string;
}

export interface DirectedTest {
  readonly file: string;
  /** How its title begins. */
  readonly title: string;
  /** Why seeds don't find it. */
  readonly why: string;
}

export const mutation = (name: string, ...edits: readonly Edit[]): Mutation => ({ name, edits });

export const edit = (file: string, search: string, replace: string): Edit => ({ file: `src/${file}`, search, replace });
