/**
 * Nodes as JSON, for servers that do not speak protobuf: a watch is one event a line, a list one object.
 * Must not: hold more than one line, or trust a line's length.
 */
import { statusOfJson } from '../../kube-api/status.ts'
import { member } from '../../util/go-json.ts'
import { KubeGarbage, type NodeDecoder, type NodeEvent, type NodeFormat, type NodePage } from './kube-events.ts'
import { type NodeFacts, projectNode, resourceVersionOf } from './node-facts.ts'

/** etcd keeps at most 1.5 MiB an object; JSON may escape some of it. Bytes. */
const MAX_LINE = 8 << 20
const NEWLINE = 0x0a

/** How an object becomes facts. */
export type Projection = (object: unknown, wanted: ReadonlySet<string>, ownName: string) => NodeFacts | undefined

/** `maxLine` bytes is smaller in tests. */
export function createJsonFormat(maxLine = MAX_LINE, as: Projection = projectNode): NodeFormat {
  return {
    name: 'json',
    createDecoder: (wanted, ownName) => createDecoder(as, wanted, ownName, maxLine),
    decodePage: (body, wanted, ownName) => decodePage(as, body, wanted, ownName),
    decodeNode(body, wanted, ownName) {
      const node = parse(body, 'a Node')
      return { node: factsOf(as, node, wanted, ownName), resourceVersion: resourceVersionOf(node) }
    },
  }
}

function createDecoder(as: Projection, wanted: ReadonlySet<string>, ownName: string, maxLine: number): NodeDecoder {
  let parts: Buffer[] = []
  let length = 0
  const keep = (part: Buffer): void => {
    length += part.length
    if (length > maxLine) throw new KubeGarbage(`an event of more than ${maxLine} bytes`)
    if (part.length > 0) parts.push(part)
  }
  const takeLine = (): Buffer => {
    const [first] = parts
    const line = parts.length === 1 && first !== undefined ? first : Buffer.concat(parts, length)
    parts = []
    length = 0
    return line
  }
  return {
    *push(bytes) {
      const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      let start = 0
      for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
        keep(chunk.subarray(start, end))
        start = end + 1
        const line = takeLine()
        if (line.length > 0) yield decodeLine(as, line, wanted, ownName)
      }
      // A copy: the bytes are valid during this call only.
      keep(Buffer.from(chunk.subarray(start)))
    },
  }
}

function decodeLine(as: Projection, line: Buffer, wanted: ReadonlySet<string>, ownName: string): NodeEvent {
  const event = readEvent(as, parseOrNothing(line.toString('utf8')), wanted, ownName)
  if (event === undefined) throw new KubeGarbage(`an event that is none: ${excerpt(line)}`)
  return event
}

function parseOrNothing(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function readEvent(
  as: Projection,
  event: unknown,
  wanted: ReadonlySet<string>,
  ownName: string,
): NodeEvent | undefined {
  const type = member(event, 'type')
  const object = member(event, 'object')
  const resourceVersion = resourceVersionOf(object)
  switch (type) {
    case 'ADDED':
    case 'MODIFIED': {
      const node = as(object, wanted, ownName)
      return node === undefined ? undefined : { kind: 'put', node, resourceVersion }
    }
    case 'DELETED': {
      const node = as(object, wanted, ownName)
      return node === undefined ? undefined : { kind: 'delete', name: node.name, resourceVersion }
    }
    case 'BOOKMARK': {
      if (resourceVersion === undefined) return undefined
      const end = member(member(member(object, 'metadata'), 'annotations'), 'k8s.io/initial-events-end')
      return { kind: 'bookmark', resourceVersion, initialEventsEnd: end === 'true' }
    }
    case 'ERROR':
      return { kind: 'error', ...statusOfJson(object) }
    default:
      return undefined
  }
}

function decodePage(as: Projection, body: Uint8Array, wanted: ReadonlySet<string>, ownName: string): NodePage {
  const list = parse(body, 'a list')
  const items = member(list, 'items')
  // Go writes an empty list as `null` where nobody made one.
  if (items !== null && !Array.isArray(items)) throw new KubeGarbage('a list of Nodes without items')
  const nodes = (items ?? []).map((item) => factsOf(as, item, wanted, ownName))
  const token = member(member(list, 'metadata'), 'continue')
  return {
    nodes,
    resourceVersion: resourceVersionOf(list),
    continue: typeof token === 'string' && token !== '' ? token : undefined,
  }
}

function factsOf(as: Projection, node: unknown, wanted: ReadonlySet<string>, ownName: string): NodeFacts {
  const facts = as(node, wanted, ownName)
  if (facts === undefined) throw new KubeGarbage('a Node without a name')
  return facts
}

function parse(body: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'))
  } catch (cause) {
    throw new KubeGarbage(`${what} that is not JSON`, { cause })
  }
}

function excerpt(line: Buffer): string {
  return JSON.stringify(line.toString('utf8', 0, 80))
}
