/** Objects as JSON, from the bodies that the store holds. Must not: parse them. */
import { bookmarkMetadata, inPieces, METADATA, type Naming, type Representation, WHOLE } from './representation.ts'
import type { Change, Entry } from './store.ts'

const CLOSE_OBJECT = Buffer.from('}')
const CLOSE_EVENT = Buffer.from('}\n')
const NEWLINE = Buffer.from('\n')

export const wholeAsJson: Representation = represent(WHOLE, (entry) => [entry.body], '{')

// As the real one: items of a list of whole Nodes do not repeat their kind, those of metadata do.
export const metadataAsJson: Representation = represent(
  METADATA,
  (entry) => [entry.body.subarray(0, entry.metadataLength), CLOSE_OBJECT],
  head(METADATA),
)

/** Objects of a custom resource: its lists repeat the kind in each item, as the real one does. */
export function objectsAsJson(naming: Naming): Representation {
  return represent(naming, (entry) => [entry.body], head(naming))
}

/** `bodyOf`: everything behind kind and version. */
function represent(naming: Naming, bodyOf: (entry: Entry) => readonly Buffer[], itemHead: string): Representation {
  const opening = Buffer.from(head(naming))
  const opened = (type: Change['type']) => Buffer.from(`{"type":"${type}","object":${head(naming)}`)
  const open = { ADDED: opened('ADDED'), MODIFIED: opened('MODIFIED'), DELETED: opened('DELETED') }
  const [firstItem, nextItem] = [Buffer.from(itemHead), Buffer.from(`,${itemHead}`)]
  const rest = naming === WHOLE ? { spec: {}, status: {} } : {}
  return {
    type: 'application/json',
    watchType: 'application/json',
    object: (entry) => Buffer.concat([opening, ...bodyOf(entry), NEWLINE]),
    list: (metadata, page) => inPieces(listParts(JSON.stringify(metadata), page)),
    event: (type, entry) => [open[type], ...bodyOf(entry), CLOSE_EVENT],
    bookmark(revision, endOfInitial) {
      const object = { ...naming, metadata: bookmarkMetadata(revision, endOfInitial), ...rest }
      return Buffer.from(`${JSON.stringify({ type: 'BOOKMARK', object })}\n`)
    },
    error: (status) => Buffer.from(`${JSON.stringify({ type: 'ERROR', object: status })}\n`),
  }

  function* listParts(metadata: string, page: readonly Entry[]): Iterable<Buffer> {
    const { kind, apiVersion } = naming
    yield Buffer.from(`{"kind":"${kind}List","apiVersion":"${apiVersion}","metadata":${metadata},"items":[`)
    for (const [index, entry] of page.entries()) {
      yield index === 0 ? firstItem : nextItem
      yield* bodyOf(entry)
    }
    yield Buffer.from(']}\n')
  }
}

function head({ kind, apiVersion }: Naming): string {
  return `{"kind":"${kind}","apiVersion":"${apiVersion}",`
}
