/** What the running agent has told of this way: its faults, where the kernel's tables alone do not explain them. Pure. */
import { contains, parseCidr } from '../../net/cidr.ts'
import type { Ip } from '../../net/ip.ts'
import { flaw, type Hop } from './hop.ts'
import type { Known } from './known.ts'

const MOST = 5

/** `node`: whose the address is; undefined: nobody's that the agent knows, so that it may be one of those that it leaves out. */
export function toldHops(
  { told, network }: Known,
  target: Ip,
  { node, hops }: { readonly node: string | undefined; readonly hops: readonly Hop[] },
): readonly Hop[] {
  if (node !== undefined && hops.some(({ remedy }) => remedy !== null)) return []
  if (node === undefined && (network === undefined || !contains(network, target))) return []
  const concerning = told.filter((sentence) =>
    node === undefined ? isLeftOut(sentence, target) : sentence.includes(node),
  )
  return concerning.slice(0, MOST).map((sentence) => {
    const [found = sentence, ...rest] = sentence.split('; ')
    return flaw('agent', found, rest.length === 0 ? 'vtepd status tells more' : rest.join('; '))
  })
}

/** Of a Node that is not accepted, or takes no part; where the sentence has its subnet, only that of the address. */
function isLeftOut(sentence: string, target: Ip): boolean {
  const [, cidr] = /\b((?:\d+\.){3}\d+\/\d+|[0-9a-f:]+::?\/\d+)/.exec(sentence) ?? []
  if (cidr === undefined) return /take no part|takes no part|^not accepted/.test(sentence)
  try {
    return contains(parseCidr(cidr), target)
  } catch {
    return false
  }
}
