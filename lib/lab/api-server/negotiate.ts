/** HTTP headers in, decisions out: media types of requests and answers, bodies with a bound. Must not: know any path. */
import type { IncomingMessage } from 'node:http'
import { metadataAsJson, wholeAsJson } from './json-representation.ts'
import type { PatchLanguage } from './nodes.ts'
import { metadataAsProtobuf, PROTOBUF, wholeAsProtobuf } from './protobuf-representation.ts'
import { METADATA, type Representation } from './representation.ts'
import { entityTooLarge, notAcceptable, unsupportedMediaType } from './status.ts'

// The bound of kube-apiserver.
const BODY_BYTES = 3 * 1024 * 1024

const PATCH_TYPES: Readonly<Record<string, PatchLanguage>> = {
  'application/strategic-merge-patch+json': 'strategic',
  'application/merge-patch+json': 'merge',
}

/** What is asked for: one Node, a list of them, a watch, or something that exists as plain JSON only. */
export type Wanted = 'object' | 'list' | 'watch' | 'json'

/** What the server can say, as it says it in a 406. */
const SPOKEN = `application/json, ${PROTOBUF}`

/**
 * The representation that the client likes best of those that there are: by weight (`;q=`), then in its order. Throws 406.
 * `protobuf` false: a server that does not speak it.
 */
export function chooseRepresentation(request: IncomingMessage, wanted: Wanted, protobuf: boolean): Representation {
  const clause = clausesOf(request).find((one) => isSpoken(one, wanted, protobuf))
  if (clause === undefined) throw notAcceptable(`only the following media types are accepted: ${SPOKEN}`)
  const { as } = clause
  const isProtobuf = clause.type === PROTOBUF
  if (as === undefined) return isProtobuf ? wholeAsProtobuf : wholeAsJson
  if (wanted === 'list' && as !== METADATA_LIST)
    throw notAcceptable(`you requested ${as}, but the requested object is a list (*core.NodeList)`)
  if (wanted === 'object' && as === METADATA_LIST)
    throw notAcceptable(`you requested ${as}, but the requested object is not a list (*core.Node)`)
  return isProtobuf ? metadataAsProtobuf : metadataAsJson
}

/** Whether a watch asks for the kind of a list: no event is one, so that the real server answers 200 and ends at once. */
export function wantsListKind(request: IncomingMessage): boolean {
  return clausesOf(request).find((clause) => isSpoken(clause, 'watch', true))?.as === METADATA_LIST
}

/** Throws 406 when the client takes no plain JSON: what exists in no other form. */
export function requireJsonAccepted(request: IncomingMessage): void {
  chooseRepresentation(request, 'json', false)
}

/** Whether a refusal is told in Protocol Buffers; never throws. */
export function prefersProtobuf(request: IncomingMessage): boolean {
  return clausesOf(request).find((clause) => isSpoken(clause, 'json', true))?.type === PROTOBUF
}

/** One item of the header Accept. */
interface Clause {
  readonly type: string
  readonly weight: number
  /** undefined: objects as they are. */
  readonly as: string | undefined
  /** Group and version of `as`. */
  readonly of: string
}

const METADATA_LIST = `${METADATA.kind}List`
const JSON_TYPES: ReadonlySet<string> = new Set(['application/json', 'application/*', '*/*'])

function clausesOf(request: IncomingMessage): Clause[] {
  const items = (request.headers.accept ?? '*/*').split(',')
  return items.map(parseClause).sort((a, b) => b.weight - a.weight)
}

function parseClause(item: string): Clause {
  const [type = '', ...parameters] = item.split(';').map((part) => part.trim())
  const given = new Map(parameters.map(split))
  return {
    type: type.toLowerCase(),
    weight: Number(given.get('q') ?? 1),
    as: given.get('as'),
    of: `${given.get('g')}/${given.get('v')}`,
  }
}

function split(parameter: string): [name: string, value: string] {
  const [name = '', value = ''] = parameter.split('=', 2)
  return [name, value]
}

function isSpoken({ type, as, of }: Clause, wanted: Wanted, protobuf: boolean): boolean {
  const metadataOnly = (as === METADATA.kind || as === METADATA_LIST) && of === METADATA.apiVersion
  if (as !== undefined && (wanted === 'json' || !metadataOnly)) return false
  return JSON_TYPES.has(type) || (protobuf && type === PROTOBUF)
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
