/**
 * The query parameters of a list or a watch, checked as kube-apiserver 1.34 checks them, turned into what is to be done.
 * Pure. Must not: read the store, so revisions are not yet compared with what exists.
 */
import { badRequest, internal, invalidOption, type StatusError } from './status.ts'

/** Where a list page continues: names after `after`, as of `revision`; -1 asks for the newest, inconsistently. */
export interface ContinueToken {
  readonly revision: number
  readonly after: string
}

export interface ListRequest {
  readonly selector: Selector
  /** Items a page; 0 is all. */
  readonly limit: number
  readonly from:
    | { readonly kind: 'newest'; readonly notOlderThan: number }
    | { readonly kind: 'exact'; readonly revision: number }
    | { readonly kind: 'continue'; readonly token: ContinueToken }
}

export interface WatchRequest {
  readonly selector: Selector
  readonly bookmarks: boolean
  /** undefined: the server chooses. */
  readonly timeoutMs: number | undefined
  readonly from:
    | { readonly kind: 'state'; readonly notOlderThan: number; readonly endMark: boolean }
    | { readonly kind: 'after'; readonly revision: number }
    | { readonly kind: 'now' }
}

/** Which names are wanted; undefined: all. */
export type Selector = ((name: string) => boolean) | undefined

/** True as Kubernetes reads flags in a query: present and neither `0` nor `false`. */
export function isTrue(query: URLSearchParams, name: string): boolean {
  const value = query.get(name)
  return value !== null && value !== '0' && value.toLowerCase() !== 'false'
}

/** Throws 400 or 422. */
export function parseListRequest(query: URLSearchParams): ListRequest {
  if (query.has('sendInitialEvents')) {
    throw invalidOption('sendInitialEvents', 'sendInitialEvents is forbidden for list')
  }
  const selector = parseSelector(query)
  const version = query.get('resourceVersion') ?? ''
  const match = query.get('resourceVersionMatch') ?? ''
  const token = query.get('continue') ?? ''
  checkMatch(version, match, token)
  const revision = parseRevision(version, (problem) => badRequest(`invalid resource version: ${problem}`))
  // With resourceVersion=0 the real one answers from its cache, whole: limit is ignored.
  const limit = version === '0' ? 0 : Math.max(0, parseWhole(query, 'limit') ?? 0)
  if (token !== '') {
    if (revision > 0) throw badRequest('specifying resource version is not allowed when using continue')
    return { selector, limit, from: { kind: 'continue', token: parseToken(token) } }
  }
  const exact = match === 'Exact' || (match === '' && limit > 0 && revision > 0)
  return { selector, limit, from: exact ? { kind: 'exact', revision } : { kind: 'newest', notOlderThan: revision } }
}

/** Throws 400, 422 or (a bad resourceVersion, as the real one) 500. */
export function parseWatchRequest(query: URLSearchParams, watchList: boolean): WatchRequest {
  const match = query.get('resourceVersionMatch') ?? ''
  const send = query.has('sendInitialEvents')
  if (query.get('continue')) throw invalidOption('resourceVersionMatch', 'continue is forbidden for watch')
  if (send && !watchList) {
    throw invalidOption('sendInitialEvents', 'sendInitialEvents is forbidden for watch: the WatchList feature is off')
  }
  if (send && match !== 'NotOlderThan') {
    throw invalidOption('resourceVersionMatch', 'sendInitialEvents requires resourceVersionMatch to be NotOlderThan')
  }
  if (!send && match !== '') {
    throw invalidOption('resourceVersionMatch', 'resourceVersionMatch is forbidden for watch without sendInitialEvents')
  }
  const revision = parseRevision(query.get('resourceVersion') ?? '', internal)
  const bookmarks = isTrue(query, 'allowWatchBookmarks')
  const seconds = parseWhole(query, 'timeoutSeconds') ?? 0
  const base = { selector: parseSelector(query), bookmarks, timeoutMs: seconds > 0 ? seconds * 1000 : undefined }
  if (send && isTrue(query, 'sendInitialEvents')) {
    return { ...base, from: { kind: 'state', notOlderThan: revision, endMark: bookmarks } }
  }
  if (revision > 0) return { ...base, from: { kind: 'after', revision } }
  // With bookmarks, the real one marks the end of what exists for such a watch too, though it was not asked to.
  return { ...base, from: send ? { kind: 'now' } : { kind: 'state', notOlderThan: 0, endMark: bookmarks } }
}

/** The text that a client hands back to get the next page. */
export function renderToken(token: ContinueToken): string {
  const text = JSON.stringify({ v: 'meta.k8s.io/v1', rv: token.revision, start: `${token.after}\0` })
  return Buffer.from(text).toString('base64url')
}

function parseToken(text: string): ContinueToken {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString())
    if (typeof value === 'object' && value !== null && 'rv' in value && 'start' in value) {
      const { rv, start } = value
      if (typeof rv === 'number' && Number.isSafeInteger(rv) && typeof start === 'string' && start.endsWith('\0')) {
        return { revision: rv, after: start.slice(0, -1) }
      }
    }
  } catch {
    // Falls through to the one answer for every malformed token.
  }
  throw badRequest('invalid continue token: continue key is not valid')
}

function checkMatch(version: string, match: string, token: string): void {
  if (match === '') return
  if (token !== '') {
    throw invalidOption('resourceVersionMatch', 'resourceVersionMatch is forbidden when continue is provided')
  }
  if (version === '') {
    throw invalidOption('resourceVersionMatch', 'resourceVersionMatch is forbidden unless resourceVersion is provided')
  }
  if (match !== 'Exact' && match !== 'NotOlderThan') {
    throw invalidOption('resourceVersionMatch', `"${match}": Exact or NotOlderThan`, 'FieldValueNotSupported')
  }
  if (match === 'Exact' && version === '0') {
    throw invalidOption('resourceVersionMatch', 'resourceVersionMatch Exact is forbidden for resourceVersion 0')
  }
}

/** The resourceVersion of a read of one object; throws 500 when it is no number, as the real one. */
export function parseReadRevision(query: URLSearchParams): number {
  return parseRevision(query.get('resourceVersion') ?? '', internal)
}

function parseRevision(text: string, refuse: (problem: string) => StatusError): number {
  if (text === '') return 0
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw refuse(`resourceVersion: Invalid value: ${JSON.stringify(text)}: not a whole number`)
}

function parseWhole(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name)
  if (text === null || text === '') return undefined
  if (/^-?\d{1,15}$/.test(text)) return Number(text)
  throw badRequest(`${name}: Invalid value: ${JSON.stringify(text)}: not a whole number`)
}

function parseSelector(query: URLSearchParams): Selector {
  if ((query.get('labelSelector') ?? '') !== '') {
    throw badRequest('labelSelector is not supported by this server; use fieldSelector=metadata.name=NAME')
  }
  const text = query.get('fieldSelector') ?? ''
  if (text === '') return undefined
  const [, field, operator, wanted] = /^([^=!]+)(==?|!=)(.*)$/.exec(text) ?? []
  if (field === undefined) throw badRequest(`invalid selector: '${text}'; can't understand '${text}'`)
  if (field !== 'metadata.name') throw badRequest(`field label not supported: ${field}`)
  return operator === '!=' ? (name) => name !== wanted : (name) => name === wanted
}
