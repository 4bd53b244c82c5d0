/**
/**
 * The text of a remembered view: a line that says whose it is and of which moment, our own Node, a line a claim, and a line
 * with the checksum of all before it. Must not: touch the disk (view-cache.ts), or decide about claims (lib/leases/accepted
 * does again).
 */
import { createHash } from 'node:crypto'
import { LeaseError } from '../../errors.ts'
import { parseCidr } from '../../net/cidr.ts'
import { parseIp } from '../../net/ip.ts'
import { parseLladdr } from '../../net/lladdr.ts'
import { parseVni } from '../../net/vni.ts'
import { flatText } from '../../util/flat-text.ts'
import { isRecord } from '../../util/go-json.ts'
import type { FamilyClaim, Held } from '../accepted/claim.ts'
import { firstIps, type NodeFacts } from '../wire/node-facts.ts'
import type { NodeClaim } from './node-claim.ts'

const FORMAT = 'vtepd-view'
const VERSION = 2
/** Written at once; 100,000 peers are 16 MB. */
const PAGE_BYTES = 64 << 10
/** UTF-8 bytes that a UTF-16 unit can become. */
const MOST_BYTES_A_UNIT = 3

export interface RememberedClaim extends NodeClaim {
  /** undefined: all that it claims. */
  readonly held: Held | undefined
}

/** What was known when the view was synced. */
export interface RememberedView {
  /** How our node's name was given; another may have been given to a machine that was cloned with this file. */
  readonly givenName: string
  /** Where a watch goes on, and the version of our own Node there; undefined: something was not told yet. */
  readonly position: { readonly version: string; readonly ownVersion: string } | undefined
  readonly own: NodeFacts
  /** Without our own; accepted or not, as nobody tells a second time what a watch goes on from. */
  readonly claims: Iterable<RememberedClaim>
}

/**
 * `binding`: whose view this is; another's is not read. UTF-8, in pieces that are made as they are asked for and valid until
 * the next one is: nothing of 16 MB is left behind for V8 to collect.
 */
export function* renderViewFile(view: RememberedView, binding: string): Generator<Uint8Array> {
  const hash = createHash('sha256')
  const page = Buffer.allocUnsafe(PAGE_BYTES)
  let used = 0
  const seal = (piece: Uint8Array): Uint8Array => {
    hash.update(piece)
    return piece
  }
  for (const text of linesOf(view, binding)) {
    const most = text.length * MOST_BYTES_A_UNIT
    if (used > 0 && used + most > PAGE_BYTES) {
      yield seal(page.subarray(0, used))
      used = 0
    }
    if (most > PAGE_BYTES) yield seal(Buffer.from(text))
    else used += page.write(text, used)
  }
  if (used > 0) yield seal(page.subarray(0, used))
  yield Buffer.from(line({ sha256: hash.digest('hex') }))
}

function* linesOf(view: RememberedView, binding: string): Generator<string> {
  const { givenName, position } = view
  yield line({ format: FORMAT, version: VERSION, binding, givenName, position })
  yield line(view.own)
  for (const { claim, faults, held } of view.claims) {
    const age = claim === undefined ? '' : `${claim.seniority} ${claim.uid ?? ''}`
    const row: unknown[] = [claim?.node ?? faults[0]?.node, age, rowOf(claim?.ipv4), rowOf(claim?.ipv6)]
    if (held !== undefined || faults.length > 0) row.push(held === undefined ? null : [held.ipv4, held.ipv6])
    if (faults.length > 0) row.push(faults.map(({ field, reason }) => [field, reason]))
    yield line(row)
  }
}

/** Throws RangeError that says why the text cannot be used. */
export function parseViewFile(
  bytes: Buffer,
  binding: string,
): RememberedView & { readonly claims: readonly RememberedClaim[] } {
  const lines = splitChecked(bytes)
  const head = parseLine(lines.next().value)
  if (!isRecord(head) || head.format !== FORMAT) throw new RangeError('it is no view of vtepd')
  if (head.version !== VERSION) throw new RangeError(`it is of version ${String(head.version)}, not ${VERSION}`)
  if (head.binding !== binding) throw new RangeError('it is of another network')
  const own = parseOwn(parseLine(lines.next().value))
  const claims: RememberedClaim[] = []
  for (const text of lines) claims.push(parseClaim(parseLine(text)))
  const position = parsePosition(head.position)
  return { givenName: String(head.givenName), position, own, claims }
}

/** Whose view a file is; undefined: it is none. */
export function bindingIn(bytes: Buffer): string | undefined {
  const head = parseLine(bytes.toString('utf8', 0, bytes.indexOf(0x0a)))
  return isRecord(head) && head.format === FORMAT ? String(head.binding) : undefined
}

function line(value: unknown): string {
  return `${JSON.stringify(value)}\n`
}

/** '' stands for what could not be read. */
function rowOf(family: FamilyClaim | undefined): readonly string[] | null {
  if (family === undefined) return null
  const { subnet = '', underlay = '', lladdr = '', vni } = family
  return vni === undefined ? [subnet, underlay, lladdr] : [subnet, underlay, lladdr, String(vni)]
}

/** The lines between the beginning and the checksum, which is checked before the first is given. */
function* splitChecked(bytes: Buffer): Generator<string, undefined> {
  const sealed = bytes.lastIndexOf(0x0a, bytes.length - 2) + 1
  const body = bytes.subarray(0, sealed)
  const seal = line({ sha256: createHash('sha256').update(body).digest('hex') })
  if (bytes.toString('utf8', sealed) !== seal) throw new RangeError('it is damaged: its checksum is wrong')
  for (let start = 0; start < sealed; ) {
    const end = body.indexOf(0x0a, start)
    yield body.toString('utf8', start, end)
    start = end + 1
  }
}

function parseLine(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '')
  } catch {
    return undefined
  }
}

function parseOwn(own: unknown): NodeFacts {
  if (!isRecord(own) || typeof own.name !== 'string' || !isRecord(own.annotations) || !isTexts(own.podCidrs))
    throw new RangeError('it lacks our own Node')
  const annotations = Object.entries(own.annotations).map(([key, value]) => [key, String(value)])
  return {
    name: own.name,
    uid: String(own.uid),
    creationTimestamp: String(own.creationTimestamp),
    annotations: Object.fromEntries(annotations),
    podCidrs: own.podCidrs,
    networkUnavailable: typeof own.networkUnavailable === 'string' ? own.networkUnavailable : undefined,
    internalIps: firstIps(isRecord(own.internalIps) ? Object.values(own.internalIps).map(String) : []),
  }
}

function parsePosition(at: unknown): RememberedView['position'] {
  if (!isRecord(at) || typeof at.version !== 'string' || typeof at.ownVersion !== 'string') return undefined
  return { version: at.version, ownVersion: at.ownVersion }
}

const NO_FAULTS: readonly LeaseError[] = []

function parseClaim(row: unknown): RememberedClaim {
  if (!Array.isArray(row)) throw new RangeError('it has a line that is no peer')
  const [node, age, ipv4, ipv6, held, faults]: unknown[] = row
  if (typeof node !== 'string' || typeof age !== 'string') throw new RangeError('it has a peer without a name')
  const [seniority = '', uid = ''] = age.split(' ', 2).map(flatText)
  const claim = { node, uid: uid === '' ? undefined : uid, seniority, ipv4: parseRow(ipv4), ipv6: parseRow(ipv6) }
  return {
    claim: ipv4 === null && ipv6 === null ? undefined : claim,
    faults: faults === undefined ? NO_FAULTS : parseFaults(node, faults),
    held: held === undefined || held === null ? undefined : parseHeld(held),
  }
}

function parseHeld(held: unknown): Held {
  const [ipv4, ipv6]: unknown[] = Array.isArray(held) ? held : []
  if (typeof ipv4 !== 'number' || typeof ipv6 !== 'number')
    throw new RangeError('it has a peer that holds nothing known')
  return { ipv4, ipv6 }
}

function parseFaults(node: string, rows: unknown): LeaseError[] {
  if (!Array.isArray(rows) || !rows.every(isTexts)) throw new RangeError('it has a fault that is none')
  return rows.map(([field = '', reason = '']) => new LeaseError(node, field, reason))
}

function parseRow(row: unknown): FamilyClaim | undefined {
  if (row === null) return undefined
  if (!isTexts(row)) throw new RangeError('it has a peer that is none')
  const [subnet = '', underlay = '', lladdr = '', vni] = row
  return {
    subnet: subnet === '' ? undefined : parseCidr(subnet),
    underlay: underlay === '' ? undefined : parseIp(underlay),
    lladdr: lladdr === '' ? undefined : parseLladdr(flatText(lladdr)),
    vni: vni === undefined ? undefined : parseVni(Number(vni)),
  }
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}
