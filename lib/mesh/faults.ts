/**
 * What probes say, in sentences for the log and the status: one fault for each way in which peers are not reached, however many they
 * are. Pure. Must not: send, or keep what was said.
 */
import type { LossCounts } from './counts.ts'
import type { MeshPeer } from './peer.ts'
import type { MeshState } from './verdict.ts'

export interface MeshFault {
  /** Its name in the log. */
  readonly event: string
  readonly sentence: string
}

/** States that are faults of the way from here, by the name of their event. */
export const MESH_EVENTS = {
  unreachable: 'mesh.unreachable',
  'one-way': 'mesh.one-way',
  'path-mtu': 'mesh.path-mtu',
  loss: 'mesh.loss',
} as const satisfies Partial<Record<MeshState, string>>

type Bad = keyof typeof MESH_EVENTS

/** An agent that is started anew is away for less. */
const DOWN_FOR_MS = 15_000
const NAMED = 3

/** Of one family; in the order of MESH_EVENTS. */
export function meshFaults(peers: Iterable<MeshPeer>, port: number): readonly MeshFault[] {
  const by = new Map<Bad, MeshPeer[]>()
  let all = 0
  for (const peer of peers) {
    all += 1
    const { state } = peer
    if (state === 'ok' || state === 'silent' || state === 'down') continue
    const found = by.get(state)
    if (found === undefined) by.set(state, [peer])
    else found.push(peer)
  }
  return (Object.keys(MESH_EVENTS) as Bad[]).flatMap((state) => {
    const found = by.get(state) ?? []
    return found.length === 0 ? [] : [{ event: MESH_EVENTS[state], sentence: sentenceOf(state, found, all, port) }]
  })
}

/**
 * Peers that answer on neither way, each in a sentence: no fault of this node, as every other node would have it too. `next`: when one
 * more is to be told; undefined: none is.
 */
export function downPeers(
  peers: Iterable<MeshPeer>,
  now: number,
): { readonly sentences: readonly string[]; readonly next: number | undefined } {
  const sentences: string[] = []
  let next: number | undefined
  for (const { node, state, since } of peers) {
    if (state !== 'down') continue
    const at = since + DOWN_FOR_MS
    if (at > now) next = Math.min(next ?? at, at)
    else sentences.push(`${node} answers neither over the overlay nor at its underlay address`)
  }
  return { sentences, next }
}

function sentenceOf(state: Bad, peers: readonly MeshPeer[], all: number, port: number): string {
  const who = names(peers)
  const many = peers.length > 1
  const of = all > 1 && peers.length === all ? ', all of its peers' : ''
  switch (state) {
    case 'unreachable':
      return `packets of pods do not reach ${who}${of}, whose underlay ${many ? 'addresses answer' : 'address answers'}: is UDP ${port} let through between the nodes? ${looked(peers)}`
    case 'one-way':
      return `packets of pods come from ${who}${of}, and do not get there: is UDP ${port} let through in that direction? ${looked(peers)}`
    case 'path-mtu':
      return `${narrowly(peers, who)}; lower Backend.MTU of net-conf to what the path takes, or raise the MTU of the path`
    case 'loss':
      return `many packets to ${who}${of} are lost: ${peers
        .slice(0, NAMED)
        .map(({ node, loss }) => `${node} ${lossInWords(loss)}`)
        .join(', ')}; look at the counters of the interfaces between (ip -s link)`
  }
}

function narrowly(peers: readonly MeshPeer[], who: string): string {
  const [first] = peers
  if (first?.narrow === undefined) return `large packets do not reach ${who}`
  const { path, mtu, wanted } = first.narrow
  const more = peers.length > 1 ? ` (and to ${names(peers.slice(1))})` : ''
  return path === 'overlay'
    ? `packets of pods to ${first.node} of more than ${mtu} bytes are lost, the device takes ${wanted}${more}`
    : `packets of more than ${mtu} bytes do not reach ${first.node} whole, and outer ones have up to ${wanted}${more}: they go in fragments, which many networks drop`
}

function looked(peers: readonly MeshPeer[]): string {
  const [first] = peers
  const refused = first?.refused === undefined ? '' : `this host refuses to send there (${first.refused}); `
  return `${refused}vtepd explain ${first?.overlay ?? 'ADDRESS'} shows the way`
}

function names(peers: readonly MeshPeer[]): string {
  const named = peers.slice(0, NAMED).map(({ node }) => node)
  const more = peers.length - named.length
  if (more > 0) return `${named.join(', ')} and ${more} more`
  return named.length > 1 ? `${named.slice(0, -1).join(', ')} and ${named.at(-1)}` : (named[0] ?? '')
}

/** `12 % there, 0 % back`. */
export function lossInWords({ there, back }: LossCounts): string {
  const percent = (part: number | undefined): string => (part === undefined ? '?' : `${Math.round(part * 100)} %`)
  return `${percent(there)} there, ${percent(back)} back`
}
