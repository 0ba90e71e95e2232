/** What a client is answered: the statuses and bodies of the ingestion API, ours where it has none. */

export interface Answer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string>>
  /** The connection ends behind it. */
  readonly close?: boolean
}

/** Up to 9.0 clients read `ingested`, from 9.1 on `received`. */
export function ingested(events: number): Answer {
  return {
    status: 200,
    body: { status: 'ok', message: 'events ingested', ingested: events, received: events },
  }
}

function problem(status: number, message: string, code: string, reason: string): Answer {
  return {
    status,
    body: { errorMessage: message, errorCode: code, errorDetails: { reason } },
  }
}

export const MISSING_EVENTS: Answer = {
  status: 400,
  body: {
    errorMessage: 'Missing events',
    errorCode: 'FIELD_ERROR',
    errorDetails: { reason: 'the list of events is missing or empty' },
  },
}

/** The body is no JSON, or has another shape; nothing of it was taken. */
export function badBody(reason: string): Answer {
  return problem(400, 'Invalid request body, nothing of it was taken', 'JSON_FORMAT_ERROR', reason)
}

export function badEncoding(encoding: string): Answer {
  const reason = `content-encoding ${JSON.stringify(encoding.slice(0, 64))} is none of gzip, deflate and identity`
  return problem(415, 'Unsupported content encoding', 'ENCODING_ERROR', reason)
}

export function tooLarge(reason: string): Answer {
  return problem(413, 'The request is too large, nothing of it was taken', 'SIZE_ERROR', reason)
}

/** The one sign of overload that the protocol has: the client keeps what it has and comes again. */
export function busy(reason: string, seconds: number): Answer {
  return {
    ...problem(503, 'Not now: send the same again', 'OVERLOADED', reason),
    headers: { 'retry-after': String(Math.max(1, Math.ceil(seconds))) },
  }
}

export const TOO_SLOW: Answer = {
  ...problem(408, 'The request took too long', 'TIMEOUT', 'its body was not there in time'),
  close: true,
}

export const NO_SESSION: Answer = problem(
  401,
  'Invalid session ID',
  'AUTH_ERROR',
  'log in with POST /api/v1/sessions and send `Authorization: Bearer <sessionId>`',
)

export const SESSION_EXPIRED: Answer = problem(440, 'Login Timeout', 'AUTH_ERROR', 'log in again')

export const WRONG_LOGIN: Answer = problem(
  401,
  'Invalid username or password.',
  'AUTH_ERROR',
  'the name or the password is wrong',
)

export function notFound(path: string): Answer {
  return problem(404, 'Not found', 'NOT_FOUND', `nothing is served at ${path.slice(0, 128)}`)
}

export function wrongMethod(method: string): Answer {
  return {
    ...problem(405, 'Method not allowed', 'METHOD_ERROR', `events are sent with POST, not ${method}`),
    headers: { allow: 'POST' },
  }
}

/** The old name of the path and of the list. */
export function deprecated(answer: Answer): Answer {
  return {
    ...answer,
    headers: {
      ...answer.headers,
      'vmware-li-api-status': 'Deprecated',
      warning: '299 - "messages/ingest is deprecated: use events/ingest"',
    },
  }
}
