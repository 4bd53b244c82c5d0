/**
 * The podCIDRs of Nodes by UID, for a stream that carries metadata alone: they never change for one UID once they are
 * set. Must not: hold anything else of a Node; with 100,000 of them this is one short text each.
 */
import { flatText } from '../../util/flat-text.ts'
import type { NodeFacts } from '../wire/node-facts.ts'

export interface NodeSpecs {
  /** Nothing is remembered of a Node that has none yet. */
  remember(node: Pick<NodeFacts, 'name' | 'uid' | 'podCidrs'>): void
  /** undefined: not known, or of another UID, or not assigned when last seen. */
  podCidrsOf(name: string, uid: string): readonly string[] | undefined
  forget(name: string): void
}

/** No text of a UID or a CIDR has it. */
const SEPARATOR = '\n'

export function createNodeSpecs(): NodeSpecs {
  const known = new Map<string, string>()
  return {
    remember({ name, uid, podCidrs }) {
      if (podCidrs.length > 0) known.set(name, flatText([uid, ...podCidrs].join(SEPARATOR)))
      else known.delete(name)
    },
    podCidrsOf(name, uid) {
      const [knownUid, ...podCidrs] = known.get(name)?.split(SEPARATOR) ?? []
      return knownUid === uid ? podCidrs : undefined
    },
    forget: (name) => void known.delete(name),
  }
}
