/**
 * A failure that an operator can meet. `message` says what failed, on which thing and why; `mend`
 * says what to do next. `exit` is the status that a command ends with when nothing handles it:
 * 1 (the thing checked is wrong), 2 (wrong usage or unreadable configuration), 70 (our bug).
 */
export class LogweirError extends Error {
  readonly code: string
  readonly mend: string
  readonly exit: 1 | 2 | 70

  constructor(
    code: string,
    message: string,
    mend: string,
    options: { cause?: unknown; exit?: 1 | 2 | 70 } = {},
  ) {
    super(message, { cause: options.cause })
    this.name = 'LogweirError'
    this.code = code
    this.mend = mend
    this.exit = options.exit ?? 2
  }
}

/** The text of anything thrown, for logs and `last_error`. */
export function errorText(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return errorText(error.errors[0])
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : ''
  return `${error.message}${cause}`
}

/** The system's code (`ECONNREFUSED`) of anything thrown, else `undefined`. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
