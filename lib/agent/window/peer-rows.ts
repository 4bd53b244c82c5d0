/**
 * Which peers somebody asks for, row by row: one by its name, those that have an address, or all. Must not: sort, or build more
 * than the row that is asked for next; among 100,000 peers the agent answers while it works.
 */
import type { Lease } from '../../cluster/lease.ts'
import type { LeaseView } from '../../cluster/view.ts'
import { type Cidr, cidrOf } from '../../net/cidr.ts'
import { addressBits, FAMILIES, familyOf, type Ip, parseIp } from '../../net/ip.ts'
import type { FamilyOverlay } from '../family-overlay.ts'
import type { PeerReport } from './report.ts'

/** Both undefined: all. */
export interface PeerQuestion {
  readonly name?: string | undefined
  /** Of a pod, or of the node itself. */
  readonly address?: Ip | undefined
}

/** `name=worker-2`, `address=10.42.7.23`. Throws RangeError for what is no address. */
export function parsePeerQuestion(query: URLSearchParams): PeerQuestion {
  const [name, address] = [query.get('name'), query.get('address')]
  return { name: name ?? undefined, address: address === null ? undefined : parseIp(address) }
}

/** Peers between two stops of which none is told. */
const STRIDE = 512

/** In the order of the view, IPv4 first; undefined: nothing yet, so that the search can stop there. A peer stands only where its family's tables do. */
export function* peerRows(
  view: LeaseView,
  overlays: readonly FamilyOverlay[],
  { name, address }: PeerQuestion = {},
): Generator<PeerReport | undefined> {
  const networks = address === undefined ? undefined : networksAround(address)
  const kept = FAMILIES.flatMap((family) => overlays.filter((overlay) => overlay.family === family))
  let passed = 0
  for (const [node, lease] of name === undefined ? view.peers : oneOf(view, name)) {
    for (const overlay of kept) {
      const { family } = overlay
      const claim = lease[family]
      if (claim === undefined) continue
      const { subnet, underlay, lladdr = null } = claim
      if (networks !== undefined && !networks.has(subnet) && underlay !== address) continue
      yield { node, family, subnet, underlay, lladdr, stands: overlay.programmed && overlay.stands(node) }
    }
    passed += 1
    if (passed % STRIDE === 0) yield undefined
  }
}

function oneOf({ peers }: LeaseView, name: string): readonly (readonly [string, Lease])[] {
  const lease = peers.get(name)
  return lease === undefined ? [] : [[name, lease]]
}

/** Of every length: whether one of them is a peer's is a look-up, where parsing each peer's would cost a microsecond. */
function networksAround(ip: Ip): ReadonlySet<Cidr> {
  const bits = addressBits(familyOf(ip))
  return new Set(Array.from({ length: bits + 1 }, (_, length) => cidrOf(ip, length)))
}
