/**
 * The `Status` objects by which a Kubernetes API server reports success and failure: one function a reason, with the HTTP status,
 * `reason`, `details` and headers that clients decide by. Must not: write to a connection.
 */

export interface StatusCause {
  readonly reason: string
  readonly message: string
  readonly field?: string
}

export interface Status {
  readonly kind: 'Status'
  readonly apiVersion: 'v1'
  /** `continue` only with 410 for an expired list token. */
  readonly metadata: { readonly continue?: string }
  readonly status: 'Success' | 'Failure'
  readonly message?: string
  readonly reason?: string
  readonly details?: {
    readonly name?: string
    readonly group?: string
    readonly kind?: string
    readonly uid?: string
    readonly causes?: readonly StatusCause[]
    readonly retryAfterSeconds?: number
  }
  /** The HTTP status once more; absent on success. */
  readonly code?: number
}

/** A refusal of the embedded API server; the functions of `nodes` throw it, HTTP clients get its `status` as the body. */
export class StatusError extends Error {
  readonly code = 'ERR_LAB_API_STATUS'
  readonly status: Status
  /** The HTTP status, 400…599. */
  readonly httpStatus: number
  constructor(
    httpStatus: number,
    reason: string | undefined,
    message: string,
    more: Pick<Status, 'details'> & { next?: string } = {},
  ) {
    super(message)
    this.name = 'StatusError'
    this.httpStatus = httpStatus
    this.status = {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: more.next === undefined ? {} : { continue: more.next },
      status: 'Failure',
      message,
      ...(reason === undefined ? {} : { reason }),
      ...(more.details === undefined ? {} : { details: more.details }),
      code: httpStatus,
    }
  }
}

export const badRequest = (message: string) => new StatusError(400, 'BadRequest', message)
export const unauthorized = () => new StatusError(401, 'Unauthorized', 'Unauthorized')
export const notAcceptable = (message: string) => new StatusError(406, 'NotAcceptable', message)

/** A right is missing; `what` is the sentence behind "is forbidden: ", `name` '' for a whole collection. */
export const forbidden = (kind: string, name: string, what: string) =>
  new StatusError(403, 'Forbidden', `${kind}${name === '' ? '' : ` "${name}"`} is forbidden: ${what}`, {
    details: { ...(name === '' ? {} : { name }), kind },
  })

/** `kind` is the plural resource: nodes, pods. */
export const notFound = (kind: string, name: string) =>
  new StatusError(404, 'NotFound', `${kind} "${name}" not found`, { details: { name, kind } })

export const unknownPath = () =>
  new StatusError(404, 'NotFound', 'the server could not find the requested resource', { details: {} })

export const methodNotAllowed = () =>
  new StatusError(405, 'MethodNotAllowed', 'this resource does not allow this method', { details: {} })

export const alreadyExists = (name: string) =>
  new StatusError(409, 'AlreadyExists', `nodes "${name}" already exists`, { details: { name, kind: 'nodes' } })

/** Optimistic concurrency lost: read again, change again. */
export const conflict = (name: string, because: string) =>
  new StatusError(409, 'Conflict', `Operation cannot be fulfilled on nodes "${name}": ${because}`, {
    details: { name, kind: 'nodes' },
  })

/** What kube-apiserver does not classify: 500 without a reason. */
export const internal = (message: string) => new StatusError(500, undefined, message)

/** History is gone; `next` is a token that goes on with the list, inconsistently. */
export const expired = (message: string, next?: string) =>
  new StatusError(410, 'Expired', message, next === undefined ? {} : { next })

export const tooOld = (requested: number, oldest: number) =>
  expired(`too old resource version: ${requested} (${oldest})`)

export const entityTooLarge = (limit: number) =>
  new StatusError(413, 'RequestEntityTooLarge', `the request is larger than ${limit} bytes`)

export const unsupportedMediaType = (got: string, accepted: readonly string[]) =>
  new StatusError(415, 'UnsupportedMediaType', `the body is of type '${got}'; accepted are ${accepted.join(', ')}`)

/** A well-formed object with a forbidden value: 422. */
export function invalid(kind: string, name: string, causes: readonly StatusCause[]): StatusError {
  const what = causes.map((cause) => `${cause.field}: ${cause.message}`).join(', ')
  const subject = { ...(name === '' ? {} : { name }), ...(kind === '' ? {} : { kind }) }
  return new StatusError(422, 'Invalid', `${kind} "${name}" is invalid: ${what}`, { details: { ...subject, causes } })
}

/** A query parameter that is forbidden in this combination: 422. */
export function invalidOption(field: string, problem: string, reason = 'FieldValueForbidden'): StatusError {
  const message = `${reason === 'FieldValueForbidden' ? 'Forbidden' : 'Unsupported value'}: ${problem}`
  return new StatusError(422, 'Invalid', `ListOptions.meta.k8s.io "" is invalid: ${field}: ${message}`, {
    details: { group: 'meta.k8s.io', kind: 'ListOptions', causes: [{ reason, message, field }] },
  })
}

export const unavailable = () =>
  new StatusError(503, 'ServiceUnavailable', 'the server is currently unable to handle the request', {
    details: { retryAfterSeconds: 1 },
  })

/** Asked for a resourceVersion that this server has not reached: after an etcd restore it may never come. */
export const tooLarge = (requested: number, current: number) =>
  new StatusError(504, 'Timeout', `Timeout: Too large resource version: ${requested}, current: ${current}`, {
    details: {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      retryAfterSeconds: 1,
    },
  })
