/**
 * The text of a remembered view: a line that says whose it is, our own Node, a line a peer, and a line with the checksum
 * of all before it. Must not: touch the disk (view-cache.ts), or decide about claims (lib/leases/accepted does again).
 */
import { createHash } from 'node:crypto'
import { parseCidr } from '../../net/cidr.ts'
import { parseIp } from '../../net/ip.ts'
import { parseLladdr } from '../../net/lladdr.ts'
import { parseVni } from '../../net/vni.ts'
import { flatText } from '../../util/flat-text.ts'
import { isRecord } from '../../util/go-json.ts'
import type { HeldClaim } from '../accepted/accepted-leases.ts'
import type { FamilyClaim } from '../accepted/claim.ts'
import { firstIps, type NodeFacts } from '../wire/node-facts.ts'

const FORMAT = 'vtepd-view'
const VERSION = 1
/** Written at once; 100,000 peers are 16 MB. */
const PAGE_BYTES = 64 << 10
/** UTF-8 bytes that a UTF-16 unit can become. */
const MOST_BYTES_A_UNIT = 3

/** What a synced view said. */
export interface RememberedView {
  readonly own: NodeFacts
  /** Without our own: whoever holds something. */
  readonly claims: Iterable<HeldClaim>
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
  yield line({ format: FORMAT, version: VERSION, binding })
  yield line(view.own)
  for (const { claim, held } of view.claims) {
    const { node, uid, seniority, ipv4, ipv6 } = claim
    const row = [node, `${seniority} ${uid ?? ''}`, rowOf(ipv4), rowOf(ipv6)]
    yield line(held === undefined ? row : [...row, held.ipv4, held.ipv6])
  }
}

/** Throws RangeError that says why the text cannot be used. */
export function parseViewFile(bytes: Buffer, binding: string): { own: NodeFacts; claims: HeldClaim[] } {
  const lines = splitChecked(bytes)
  const head = parseLine(lines.next().value)
  if (!isRecord(head) || head.format !== FORMAT) throw new RangeError('it is no view of vtepd')
  if (head.version !== VERSION) throw new RangeError(`it is of version ${String(head.version)}, not ${VERSION}`)
  if (head.binding !== binding) throw new RangeError('it is of another cluster, node or network')
  const own = parseOwn(parseLine(lines.next().value))
  const claims: HeldClaim[] = []
  for (const text of lines) claims.push(parseClaim(parseLine(text)))
  return { own, claims }
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

function parseClaim(row: unknown): HeldClaim {
  if (!Array.isArray(row)) throw new RangeError('it has a line that is no peer')
  const [node, age, ipv4, ipv6, ...held]: unknown[] = row
  if (typeof node !== 'string' || typeof age !== 'string') throw new RangeError('it has a peer without a name')
  const [seniority = '', uid = ''] = age.split(' ', 2).map(flatText)
  const claim = { node, uid: uid === '' ? undefined : uid, seniority, ipv4: parseRow(ipv4), ipv6: parseRow(ipv6) }
  return { claim, held: held.length < 2 ? undefined : { ipv4: Number(held[0]), ipv6: Number(held[1]) } }
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
