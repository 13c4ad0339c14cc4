/** Common mistakes in wiring steps together, in the order of the tables. */
export const mistakes = {
  "field-type": "a field whose type differs from the producer's",
  "missing-field": "a field that the producer does not provide",
  "unknown-step": "a misspelt step",
  "duplicate-id": "two steps with the same id",
  "later-step": "a step that waits for a later one",
  "not-upstream": "a fan-in that reads a step it does not wait for",
  "missing-argument": "a step without a required argument",
  "parameter-type": "a run with a parameter of the wrong type",
  "wrong-return": "a step that returns the wrong type",
  "unknown-result": "the result of a step that does not exist",
} as const;

export type MistakeName = keyof typeof mistakes;

export const mistakeNames = Object.keys(mistakes) as readonly MistakeName[];
