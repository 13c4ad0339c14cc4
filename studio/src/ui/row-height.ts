import type { Virtualizer } from "@tanstack/react-virtual";
import { useEffect } from "react";

const narrow = window.matchMedia("(max-width: 640px)");

/** The heights of the rows of a list, as in its styles; on a narrow screen a row has two lines. */
export interface RowHeights {
  readonly wide: number;
  readonly narrow: number;
}

export const rowHeight = (heights: RowHeights): number => (narrow.matches ? heights.narrow : heights.wide);

/** Measures the rows again when the screen becomes narrow or wide. */
export function useRowHeights<TElement extends Element>(virtual: Virtualizer<TElement, Element>): void {
  useEffect(() => {
    const measure = () => virtual.measure();
    narrow.addEventListener("change", measure);
    return () => narrow.removeEventListener("change", measure);
  }, [virtual]);
}
