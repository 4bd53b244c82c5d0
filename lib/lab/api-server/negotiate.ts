/** HTTP headers in, decisions out: media types of requests and answers, bodies with a bound. Must not: know any path. */
import type { IncomingMessage } from 'node:http'
import type { PatchLanguage } from './nodes.ts'
import { entityTooLarge, notAcceptable, unsupportedMediaType } from './status.ts'

// The bound of kube-apiserver.
const BODY_BYTES = 3 * 1024 * 1024

const PATCH_TYPES: Readonly<Record<string, PatchLanguage>> = {
  'application/strategic-merge-patch+json': 'strategic',
  'application/merge-patch+json': 'merge',
}

/** Throws 406 when the client takes no plain JSON. Protobuf is never answered: a client that lists it first must offer JSON too. */
export function requireJsonAccepted(request: IncomingMessage): void {
  const accept = request.headers.accept ?? '*/*'
  const acceptable = accept.split(',').some((item) => {
    const [type, ...parameters] = item.split(';').map((part) => part.trim())
    const transformed = parameters.some((parameter) => parameter.startsWith('as='))
    return !transformed && (type === 'application/json' || type === 'application/*' || type === '*/*')
  })
  if (!acceptable) throw notAcceptable('application/json')
}

/** Throws 415; a body without a type is JSON, as for the real one. */
export function requireJsonBody(request: IncomingMessage): void {
  const type = mediaType(request) || 'application/json'
  if (type !== 'application/json') throw unsupportedMediaType(type, ['application/json'])
}

/** Throws 415. JSON patch (RFC 6902) and server-side apply are not spoken here. */
export function patchLanguage(request: IncomingMessage): PatchLanguage {
  const type = mediaType(request)
  const language = PATCH_TYPES[type]
  if (language === undefined) throw unsupportedMediaType(type, Object.keys(PATCH_TYPES))
  return language
}

/** The whole body as text; throws 413 above 3 MiB. */
export async function readBody(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length
    if (size > BODY_BYTES) throw entityTooLarge(BODY_BYTES)
    parts.push(part)
  }
  return Buffer.concat(parts).toString()
}

function mediaType(request: IncomingMessage): string {
  return (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''
}
