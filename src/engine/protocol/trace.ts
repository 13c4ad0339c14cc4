interface Traced {
  readonly traceparent?: string | undefined;
}

/** What a message has of the trace that its task belongs to. */
export const traceOf = ({ traceparent }: Traced): { readonly traceparent?: string } =>
  traceparent === undefined ? {} : { traceparent };
