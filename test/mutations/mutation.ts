/** A mistake planted in the engine. The simulation has a gap if it does not find it. */
export interface Mutation {
  readonly name: string;
  readonly edits: readonly Edit[];
  /** Additional options of the simulation. */
  readonly options?: readonly string[];
  /** Why a simulation cannot detect it: it costs time, not correctness. Reported, but not counted as missed. */
  readonly harmless?: string;
  /** The test that finds a mistake which is too rare a coincidence for seeds. It is run against the mistake too. */
  readonly elsewhere?: DirectedTest;
}

export interface Edit {
  readonly file: string;
  /** Must occur exactly once. */
  readonly search: string;
  readonly replace: string;
}

export interface DirectedTest {
  readonly file: string;
  /** The beginning of its title. */
  readonly title: string;
  /** Why seeds do not find the mistake. */
  readonly why: string;
}

export const mutation = (name: string, ...edits: readonly Edit[]): Mutation => ({ name, edits });

export const edit = (file: string, search: string, replace: string): Edit => ({ file: `src/${file}`, search, replace });
