/**
 * What a node's `retry_policy` means where it says nothing: two retries, five seconds apart.
 * The delay before retry `n` is `min(backoff_max_sec, backoff_sec * backoff_factor ** (n - 1))`, times a factor drawn
 * evenly from `[1 - jitter, 1 + jitter]`.
 *
 * @example
 * const policy = { ...retryDefaults, ...node.retry_policy }
 * policy.max // 2 unless the node says otherwise
 */
export const retryDefaults = {
  /** Retries after the first attempt. */
  max: 2,
  backoff_sec: 5,
  /** Reason codes that are never retried. */
  permanent_on: ["bad_input", "schema_mismatch"],
  /** 1: the same delay before each retry. */
  backoff_factor: 1,
  backoff_max_sec: 3600,
  jitter: 0.1,
} as const;
