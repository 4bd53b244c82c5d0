/** Whole answers over HTTP: a document, a Node, a refusal. Must not: decide what is answered. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { prefersProtobuf } from './negotiate.ts'
import { PROTOBUF, statusAsProtobuf } from './protobuf-representation.ts'
import type { Representation } from './representation.ts'
import type { Status, StatusError } from './status.ts'
import type { Entry } from './store.ts'

const NO_CACHE = { 'cache-control': 'no-cache, private' }

/** One JSON document, a newline behind it as the real one has it. */
export function sendJson(response: ServerResponse, httpStatus: number, value: unknown): void {
  sendBytes(response, httpStatus, 'application/json', Buffer.from(`${JSON.stringify(value)}\n`))
}

export function sendNode(response: ServerResponse, httpStatus: number, entry: Entry, as: Representation): void {
  sendBytes(response, httpStatus, as.type, as.object(entry))
}

/** `type`: that of a Representation. */
export function sendStatus(response: ServerResponse, httpStatus: number, status: Status, type: string): void {
  if (type === PROTOBUF) sendBytes(response, httpStatus, PROTOBUF, statusAsProtobuf(status))
  else sendJson(response, httpStatus, status)
}

/**
 * The Status of the error in the encoding that the client prefers, with Retry-After when its details say so. `protobuf` false: a
 * server that does not speak it.
 */
export function sendRefusal(
  request: IncomingMessage,
  response: ServerResponse,
  { httpStatus, status }: StatusError,
  protobuf: boolean,
): void {
  const retryAfter = status.details?.retryAfterSeconds
  if (retryAfter !== undefined) response.setHeader('retry-after', String(retryAfter))
  const type = protobuf && prefersProtobuf(request) ? PROTOBUF : 'application/json'
  sendStatus(response, httpStatus, status, type)
}

/** The head of an answer that comes in pieces. */
export function beginAnswer(response: ServerResponse, type: string): void {
  response.writeHead(200, { 'content-type': type, ...NO_CACHE })
}

function sendBytes(response: ServerResponse, httpStatus: number, type: string, body: Buffer): void {
  response.writeHead(httpStatus, { 'content-type': type, ...NO_CACHE, 'content-length': body.length })
  response.end(body)
}
