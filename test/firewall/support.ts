/** What tests of the packet filter share: a namespace with nft in it, an adapter there, and its ears. */

import { createNftables } from '../../lib/firewall/nftables.ts'
import type { PacketFilter, WantedRules } from '../../lib/firewall/port.ts'
import { systemClock } from '../../lib/host/clock.ts'
import type { RunProgram } from '../../lib/host/exec.ts'
import { parseCidr } from '../../lib/net/cidr.ts'
import type { Family } from '../../lib/net/ip.ts'
import { openNftMonitor } from '../../lib/rtnl/native-nft-monitor.ts'
import { createNetns, type Netns, type Scope } from '../support/netns.ts'
import { runProgram } from '../support/run-program.ts'

export const WANTED: Record<Family, WantedRules> = {
  ipv4: {
    network: parseCidr('10.42.0.0/16'),
    subnet: parseCidr('10.42.1.0/24'),
    masquerade: true,
    forward: true,
    fullyRandom: true,
    style: 'corrected',
  },
  ipv6: {
    network: parseCidr('2001:cafe:42::/56'),
    subnet: parseCidr('2001:cafe:42:1::/64'),
    masquerade: true,
    forward: true,
    fullyRandom: true,
    style: 'corrected',
  },
}

/** Programs inside a namespace, each told to `calls`. `around`: a program and its arguments, in which they run. */
export function runIn(netns: Netns, calls: string[] = [], around: readonly string[] = []): RunProgram {
  return (program, args, options) => {
    calls.push([program, ...args].join(' '))
    return runProgram('ip', ['netns', 'exec', netns.name, ...around, program, ...args], options)
  }
}

export interface FilterStage {
  readonly netns: Netns
  readonly filter: PacketFilter
  /** Every program that the adapter ran. */
  readonly calls: string[]
  /** The text of `nft`'s answer; its input, if any, comes from `input`. */
  nft(...args: string[]): Promise<string>
  /** Feeds `nft -f -`. */
  load(text: string): Promise<void>
}

export async function createFilterStage(
  t: Scope,
  family: Family = 'ipv4',
  around: readonly string[] = [],
): Promise<FilterStage> {
  const netns = await createNetns(t)
  const calls: string[] = []
  const filter = createNftables({
    family,
    run: runIn(netns, calls, around),
    openMonitor: (options) => openNftMonitor({ ...options, netns: netns.path }),
    clock: systemClock,
  })
  t.after(() => filter.close())
  const plain = runIn(netns)
  const nft = async (args: readonly string[], input = ''): Promise<string> => {
    const result = await plain('nft', args, { input })
    if (result.outcome !== 'exited' || result.status !== 0)
      throw new Error(`nft ${args.join(' ')}: ${JSON.stringify(result)}`)
    return result.stdout
  }
  return {
    netns,
    filter,
    calls,
    nft: (...args) => nft(args),
    load: async (text) => void (await nft(['-f', '-'], text)),
  }
}
