/**
 * Lists of Nodes: pages that all show one revision.
 * Must not: hold anything between two pages; the continue token says all.
 */
import { type ListRequest, renderToken } from './list-options.ts'
import type { Representation } from './representation.ts'
import { expired, tooLarge } from './status.ts'
import type { Entry, Store } from './store.ts'

/** The revision that the server must have reached before it can answer; 0 for any. */
export function requiredRevision({ from }: ListRequest): number {
  switch (from.kind) {
    case 'newest':
      return from.notOlderThan
    case 'exact':
      return from.revision
    case 'continue':
      return from.token.revision
  }
}

/** The body of the answer in pieces; throws 410 when the revision is compacted, 504 when it does not exist. */
export function renderList(store: Store, list: ListRequest, as: Representation): Iterable<Buffer> {
  const required = requiredRevision(list)
  if (required > store.revision) throw tooLarge(required, store.revision)
  // A token of -1 is the one that a 410 hands out: it goes on with what is there now.
  const revision = list.from.kind === 'newest' || required === -1 ? store.revision : required
  const after = list.from.kind === 'continue' ? list.from.token.after : ''
  const all = revision === store.revision ? store.sorted() : store.sortedAt(revision)
  if (all === undefined) throw tooOldList(list)
  const { selector, limit } = list
  let rest = after === '' ? all : all.slice(positionAfter(all, after))
  if (selector !== undefined) rest = rest.filter((entry) => selector(entry.name))
  const page = limit > 0 ? rest.slice(0, limit) : rest
  const last = page.at(-1)
  const more = last !== undefined && page.length < rest.length
  const metadata = {
    resourceVersion: String(revision),
    ...(more ? { continue: renderToken({ revision, after: last.name }) } : {}),
    ...(more && selector === undefined ? { remainingItemCount: rest.length - page.length } : {}),
  }
  return as.list(metadata, page)
}

function tooOldList({ from }: ListRequest) {
  if (from.kind !== 'continue') return expired('The resourceVersion for the provided list is too old.')
  const next = renderToken({ revision: -1, after: from.token.after })
  return expired(
    'the continue token is too old for a consistent list: list anew, or go on inconsistently with the token of this answer',
    next,
  )
}

function positionAfter(sorted: readonly Entry[], name: string): number {
  const found = sorted.findIndex((entry) => entry.name > name)
  return found < 0 ? sorted.length : found
}
