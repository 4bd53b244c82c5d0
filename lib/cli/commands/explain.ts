/**
 * `vtepd explain ADDRESS`: whose that address is, and each hop of a packet to it. Must not: change anything, nor need an agent; one
 * that runs is asked what is to be expected.
 */
import path from 'node:path'
import type { PeerReport } from '../../agent/window/report.ts'
import { ConfigError, HostError } from '../../errors.ts'
import { output } from '../../host/output.ts'
import { contains, parseCidr } from '../../net/cidr.ts'
import type { Ip } from '../../net/ip.ts'
import { styleOf } from '../../util/style.ts'
import { type ExpectedPeer, explainWay, type Hop } from '../explain/hops.ts'
import { askKnown, readKept } from '../explain/known.ts'
import { toldHops } from '../explain/told-hops.ts'
import type { FlagSpec, FlagValues } from '../flag-spec.ts'
import { reportCommand } from '../report-command.ts'
import { findAgent } from '../window/ask.ts'
import { WHICH, WINDOW_FLAGS, WINDOW_FOOTER } from '../window/flags.ts'
import { addressOf, askPeers } from '../window/whose.ts'

const ABOUT = {
  name: 'vtepd explain',
  words: 'ADDRESS',
  summary: `Which node has this address of a pod (or the node's own), and each hop of a packet from this host to it, as the kernel would
take it: policy rule, route, neighbour, FDB entry, the way of the outer packet, MTU, forwarding, the packet filter's chains, and whether
what comes back is let in. What is wrong is shown with what to do. Nothing is changed or sent. Without a running agent the kernel alone
is asked, beside what the last agent kept on disk of what should be.`,
  footer: `${WINDOW_FOOTER}

Example:
  vtepd explain 10.42.7.23

Exit status: 0 the packet would leave this host, or arrive in it; 1 it would not; 2 wrong flags.`,
} as const

const FLAGS = [
  ...WINDOW_FLAGS,
  {
    name: 'state-dir',
    kind: 'string',
    default: '/var/lib/vtepd',
    placeholder: 'dir',
    group: WHICH,
    help: 'what the last agent kept there is used while none runs',
  },
] as const satisfies readonly FlagSpec[]

export const EXPLAIN = { flags: FLAGS, about: ABOUT }

/** The kernel is asked all the same. */
const AGENT_PATIENCE_MS = 5000

export interface Report {
  readonly address: string
  /** null: no peer has it, or no agent runs that would know. */
  readonly owner: { readonly node: string; readonly subnet: string } | null
  /** Why nothing is known of what should be; null: an agent was asked. */
  readonly unknown: string | null
  readonly hops: readonly Hop[]
}

/** Resolves with the exit status. */
export function explainCommand(argv: readonly string[]): Promise<number> {
  return reportCommand(argv, {
    ...EXPLAIN,
    async work(flags, words) {
      const target = targetOf(words)
      // While the agent thinks about it.
      const loading = Promise.all([import('../../rtnl/native.ts'), import('../explain/around.ts')])
      const [{ peer, unknown }, told] = await Promise.all([askWhose(flags, target), askKnown(flags, target)])
      const known = unknown === null ? told : await readKept(path.resolve(flags['state-dir']), target)
      const whose = peer ?? known.kept
      const expected: ExpectedPeer | undefined = isInside(whose, target) ? whose : undefined
      const [{ openRtnl }, { createAround }] = await loading
      const rtnl = openRtnl()
      try {
        const looked = await explainWay(rtnl, target, expected, await createAround(rtnl, target, known))
        const hops = [...looked, ...toldHops(known, target, { node: whose?.node, hops: looked })]
        const owner = whose === undefined ? null : { node: whose.node, subnet: whose.subnet }
        return { report: { address: target, owner, unknown, hops }, status: hops.some(({ ends }) => ends) ? 1 : 0 }
      } finally {
        await rtnl.close()
      }
    },
    render: renderReport,
  })
}

function targetOf(words: readonly string[]): Ip {
  const [word = '', ...more] = words
  const target = more.length > 0 ? undefined : addressOf(word)
  if (target === undefined)
    throw new ConfigError(`argument '${words.join(' ')}'`, 'give one IP address of a pod or a node')
  return target
}

async function askWhose(flags: FlagValues<typeof FLAGS>, target: Ip) {
  try {
    const peers = await askPeers(await findAgent(flags), target, AGENT_PATIENCE_MS)
    const peer = peers.find((one) => isInside(one, target)) ?? peers[0]
    return { peer, unknown: null }
  } catch (error) {
    if (error instanceof HostError) return { peer: undefined, unknown: error.message }
    throw error
  }
}

function isInside(peer: Pick<PeerReport, 'subnet'> | undefined, ip: Ip): boolean {
  return peer !== undefined && contains(parseCidr(peer.subnet), ip)
}

function renderReport({ address, owner, unknown, hops }: Report): string {
  const style = styleOf(output, process.env)
  const whose =
    owner !== null && unknown !== null
      ? `${address} belonged to ${owner.node} (${owner.subnet}) when the last agent knew (${unknown})`
      : owner !== null
        ? `${address} belongs to ${owner.node} (${owner.subnet})`
        : unknown === null
          ? `${address} belongs to no peer that the agent knows`
          : `${address}: whose it is, is not known (${unknown})`
  const lines = hops.flatMap(({ name, found, remedy, ends }) => {
    const sign = ends ? style.bad('x') : remedy === null ? style.good('+') : style.bad('!')
    return [`  ${sign} ${name.padEnd(16)}${found}`, ...(remedy === null ? [] : [`    ${''.padEnd(16)}→ ${remedy}`])]
  })
  const end = hops.some(({ ends }) => ends)
    ? style.bad('A packet would be lost here.')
    : 'A packet would find its way out of here; what happens behind that, this host cannot see.'
  return `${[whose, ...lines, end].join('\n')}\n`
}
