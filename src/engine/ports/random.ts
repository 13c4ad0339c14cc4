/** Evenly drawn from [0, 1). A port, so that a simulation can draw the same again. */
export type Random = () => number;
