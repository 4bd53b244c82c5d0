/** What can happen to the claims of nodes, and what stands after each step of it. Must not: run anything. */
import { around, type PeerNode, peer, unassigned } from './nodes.ts'
import type { NodeEvent } from './scripted-nodes.ts'

export interface Step {
  readonly tell: readonly NodeEvent[]
  /** Whose entries there are when the agent has come to rest, and nobody else's. */
  readonly stands: readonly PeerNode[]
}

export interface History {
  readonly name: string
  /** Nodes whose entries there are at first. */
  readonly before: readonly PeerNode[]
  /** Nodes that exist at first without an entry. */
  readonly unseen?: readonly PeerNode[]
  readonly steps: readonly Step[]
}

const put = (node: PeerNode): NodeEvent => ({ put: node })
const gone = (node: PeerNode): NodeEvent => ({ delete: node })
const step = (tell: NodeEvent, ...stands: PeerNode[]): Step => ({ tell: [tell], stands })

const A = peer('a', { subnet: 20, born: 10 })
const B = peer('b', { subnet: 21, born: 20 })

/** The podCIDR of A in the hands of another node. */
const HEIR = peer('heir', { subnet: 20, at: 31, lladdr: 31, born: 50 })
const OLD_HEIR = { ...HEIR, name: 'old-heir', born: 2 }
const SUBNET_PASSES_ON: readonly History[] = [
  {
    name: 'a podCIDR passes on, its first owner going before the next one comes',
    before: [A],
    steps: [step(gone(A)), step(put(HEIR), HEIR)],
  },
  {
    name: 'a podCIDR passes on, its next owner coming before the first one goes',
    before: [A],
    steps: [step(put(HEIR), A), step(gone(A), HEIR)],
  },
  {
    name: 'a podCIDR passes on to an older node that had none, after its first owner has gone',
    before: [A],
    unseen: [unassigned(OLD_HEIR)],
    steps: [step(gone(A)), step(put(OLD_HEIR), OLD_HEIR)],
  },
  {
    name: 'a podCIDR passes on to an older node that had none, before its first owner goes',
    before: [A],
    unseen: [unassigned(OLD_HEIR)],
    steps: [step(put(OLD_HEIR), A), step(gone(A), OLD_HEIR)],
  },
  {
    name: 'a podCIDR passes on with the MAC and the address: a machine that comes back under a new name',
    before: [A],
    steps: [
      step(put({ ...A, name: 'renamed', born: 60, uid: 'renamed' }), A),
      step(gone(A), { ...A, name: 'renamed', born: 60, uid: 'renamed' }),
    ],
  },
  {
    name: 'a podCIDR is given back: what the next owner had goes, what the first had returns',
    before: [A],
    steps: [step(gone(A)), step(put(HEIR), HEIR), step(gone(HEIR)), step(put(A), A)],
  },
]

const SUCCESSORS = {
  'with another podCIDR': peer('a', { subnet: 22, at: 20, lladdr: 20, born: 40, uid: 'a2' }),
  'with another MAC': peer('a', { subnet: 20, lladdr: 32, born: 40, uid: 'a2' }),
  'with another MAC and address': peer('a', { subnet: 20, at: 33, lladdr: 33, born: 40, uid: 'a2' }),
  'with another podCIDR, MAC and address': peer('a', { subnet: 23, born: 40, uid: 'a2' }),
  'with all that it had': peer('a', { subnet: 20, born: 40, uid: 'a2' }),
}
const MADE_ANEW = Object.entries(SUCCESSORS).flatMap(([how, next]): History[] => [
  { name: `a node is made anew ${how}`, before: [A, B], steps: [step(gone(A), B), step(put(next), next, B)] },
  { name: `a node is made anew ${how}, seen as a change`, before: [A, B], steps: [step(put(next), next, B)] },
  { name: `a node is made anew ${how}, seen by a list`, before: [A, B], steps: [step({ list: [B, next] }, next, B)] },
])

/** Older than whoever else wants what it has, until it is made anew. */
const RIVAL = peer('rival', { subnet: 20, at: 34, lladdr: 34, born: 30 })
const LISTS: readonly History[] = [
  {
    name: 'a node that is made anew loses its place to one that has waited for its podCIDR',
    before: [A],
    unseen: [RIVAL],
    steps: [step(put(SUCCESSORS['with another MAC']), RIVAL), step(gone(RIVAL), SUCCESSORS['with another MAC'])],
  },
  {
    name: 'a list shows nodes that are gone, new and changed',
    before: [A, B, peer('c', { subnet: 24 })],
    steps: [
      step(
        { list: [peer('d', { subnet: 25 }), peer('b', { subnet: 21, at: 35, born: 20 }), peer('c', { subnet: 24 })] },
        peer('d', { subnet: 25 }),
        peer('b', { subnet: 21, at: 35, born: 20 }),
        peer('c', { subnet: 24 }),
      ),
    ],
  },
  {
    name: 'a list shows a podCIDR with its next owner',
    before: [A, B],
    steps: [step({ list: [B, HEIR] }, B, HEIR)],
  },
  {
    name: 'a list shows everything in another order',
    before: [A, B],
    unseen: [RIVAL],
    steps: [step({ list: [RIVAL, B, A] }, A, B)],
  },
]

const YOUNG = peer('young', { subnet: 20, at: 36, lladdr: 36, born: 70 })
const YOUNGEST = peer('youngest', { subnet: 20, at: 37, lladdr: 37, born: 80 })
const TWIN = peer('twin', { subnet: 26, lladdr: 20, born: 70 })
const DISPUTES: readonly History[] = [
  {
    name: 'two nodes claim one podCIDR: the older one, which was first, stays until it goes',
    before: [],
    steps: [step(put(A), A), step(put(YOUNG), A), step(gone(A), YOUNG)],
  },
  {
    name: 'two nodes claim one podCIDR: the older one, which comes second, waits until the first goes',
    before: [YOUNG],
    steps: [step(put(A), YOUNG), step(gone(YOUNG), A)],
  },
  {
    name: 'two nodes claim one podCIDR: the younger one goes without a trace',
    before: [A],
    steps: [step(put(YOUNG), A), step(gone(YOUNG), A)],
  },
  {
    name: 'three nodes claim one podCIDR: the first keeps it, the others follow in the order of their age',
    before: [YOUNG],
    steps: [step(put(YOUNGEST), YOUNG), step(put(A), YOUNG), step(gone(YOUNG), A), step(gone(A), YOUNGEST)],
  },
  {
    name: 'two nodes claim one MAC: the older one, which was first, stays until it goes',
    before: [A],
    steps: [step(put(TWIN), A), step(gone(A), TWIN)],
  },
  {
    name: 'two nodes claim one MAC: the older one, which comes second, waits until the first goes',
    before: [TWIN],
    steps: [step(put(A), TWIN), step(gone(TWIN), A)],
  },
  {
    name: 'two nodes claim one MAC: the younger one comes in with another',
    before: [A],
    steps: [
      step(put(TWIN), A),
      step(put(peer('twin', { subnet: 26, born: 70 })), A, peer('twin', { subnet: 26, born: 70 })),
    ],
  },
  {
    name: 'a node takes the MAC of an older one, and is left out until it has its own again',
    before: [A, B],
    steps: [step(put(peer('b', { subnet: 21, lladdr: 20, born: 20 })), A), step(put(B), A, B)],
  },
  {
    name: 'a node takes the MAC of a younger one, and is left out until it has its own again',
    before: [A, B],
    steps: [step(put(peer('a', { subnet: 20, lladdr: 21, born: 10 })), B), step(put(A), A, B)],
  },
]

/** One machine under two names. */
const OLD_NAME = peer('old-name', { subnet: 20, born: 10 })
const NEW_NAME = peer('new-name', { subnet: 27, at: 20, lladdr: 20, born: 60 })
const RENAMED: readonly History[] = [
  {
    name: 'a machine comes back under a new name: both podCIDRs lead there until the old Node goes',
    before: [OLD_NAME],
    steps: [step(put(NEW_NAME), OLD_NAME, NEW_NAME), step(gone(OLD_NAME), NEW_NAME)],
  },
  {
    name: 'a machine loses its newer name: what its older one needs stays',
    before: [OLD_NAME, NEW_NAME],
    steps: [step(gone(NEW_NAME), OLD_NAME)],
  },
  {
    name: 'a machine with two names loses both',
    before: [OLD_NAME, NEW_NAME, B],
    steps: [step(gone(OLD_NAME), NEW_NAME, B), step(gone(NEW_NAME), B)],
  },
]

const INNER = peer('inner', { subnet: 1300, born: 30 })
const INNER_TOO = peer('inner-too', { subnet: 1301, born: 31 })
const OUTER = around(peer('outer', { subnet: 1302, born: 70 }))
const OLD_OUTER: PeerNode = { ...OUTER, name: 'old-outer', born: 3 }
const NESTED: readonly History[] = [
  {
    name: 'a podCIDR around those of older nodes waits until the last of them has gone',
    before: [INNER, INNER_TOO],
    steps: [step(put(OUTER), INNER, INNER_TOO), step(gone(INNER), INNER_TOO), step(gone(INNER_TOO), OUTER)],
  },
  {
    name: 'a podCIDR around those of older nodes that come later stays until it goes',
    before: [OUTER],
    steps: [step(put(INNER), OUTER), step(put(INNER_TOO), OUTER), step(gone(OUTER), INNER, INNER_TOO)],
  },
  {
    name: 'podCIDRs inside that of an older node wait until it has gone',
    before: [OLD_OUTER],
    steps: [step(put(INNER), OLD_OUTER), step(put(INNER_TOO), OLD_OUTER), step(gone(OLD_OUTER), INNER, INNER_TOO)],
  },
  {
    name: 'podCIDRs inside that of an older node that comes later stay',
    before: [INNER, INNER_TOO],
    steps: [step(put(OLD_OUTER), INNER, INNER_TOO), step(gone(OLD_OUTER), INNER, INNER_TOO)],
  },
]

const MOVED_A = peer('a', { subnet: 20, at: 38, born: 10 })
const B_AT_A = peer('b', { subnet: 21, at: 20, born: 20 })
const A_AT_B = peer('a', { subnet: 20, at: 21, born: 10 })
const A_SWAPPED = peer('a', { subnet: 21, at: 20, lladdr: 20, born: 10, uid: 'a2' })
const B_SWAPPED = peer('b', { subnet: 20, at: 21, lladdr: 21, born: 20, uid: 'b2' })
const A_MAC_OF_B = peer('a', { subnet: 20, lladdr: 21, born: 10 })
const B_MAC_OF_A = peer('b', { subnet: 21, lladdr: 20, born: 20 })
const MOVES: readonly History[] = [
  {
    name: 'an address passes on, its first owner moving before the next one takes it',
    before: [A, B],
    steps: [step(put(MOVED_A), MOVED_A, B), step(put(B_AT_A), MOVED_A, B_AT_A)],
  },
  {
    name: 'an address passes on, its next owner taking it before the first one moves',
    before: [A, B],
    steps: [step(put(B_AT_A), A, B_AT_A), step(put(MOVED_A), MOVED_A, B_AT_A)],
  },
  {
    name: 'an address passes on to a new node, before and after its first owner goes',
    before: [A],
    steps: [
      step(put(peer('c', { subnet: 24, at: 20 })), A, peer('c', { subnet: 24, at: 20 })),
      step(gone(A), peer('c', { subnet: 24, at: 20 })),
    ],
  },
  {
    name: 'two nodes swap their addresses, the older first',
    before: [A, B],
    steps: [step(put(A_AT_B), A_AT_B, B), step(put(B_AT_A), A_AT_B, B_AT_A)],
  },
  {
    name: 'two nodes swap their addresses, the younger first',
    before: [A, B],
    steps: [step(put(B_AT_A), A, B_AT_A), step(put(A_AT_B), A_AT_B, B_AT_A)],
  },
  {
    name: 'two nodes swap their podCIDRs, the older first',
    before: [A, B],
    steps: [step(put(A_SWAPPED), B), step(put(B_SWAPPED), A_SWAPPED, B_SWAPPED)],
  },
  {
    name: 'two nodes swap their podCIDRs, the younger first',
    before: [A, B],
    steps: [step(put(B_SWAPPED), A), step(put(A_SWAPPED), A_SWAPPED, B_SWAPPED)],
  },
  {
    name: 'two nodes swap their podCIDRs, both gone in between',
    before: [A, B],
    steps: [
      step(gone(A), B),
      step(gone(B)),
      step(put(B_SWAPPED), B_SWAPPED),
      step(put(A_SWAPPED), A_SWAPPED, B_SWAPPED),
    ],
  },
  {
    name: 'two nodes swap their MACs, the older first',
    before: [A, B],
    steps: [step(put(A_MAC_OF_B), B), step(put(B_MAC_OF_A), A_MAC_OF_B, B_MAC_OF_A)],
  },
  {
    name: 'two nodes swap their MACs, the younger first',
    before: [A, B],
    steps: [step(put(B_MAC_OF_A), A), step(put(A_MAC_OF_B), A_MAC_OF_B, B_MAC_OF_A)],
  },
]

export const HISTORIES: readonly History[] = [
  ...SUBNET_PASSES_ON,
  ...MADE_ANEW,
  ...LISTS,
  ...DISPUTES,
  ...RENAMED,
  ...NESTED,
  ...MOVES,
]
