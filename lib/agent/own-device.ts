/**
 * What of this node's device outlives a restart: its lladdr, the underlay address that belongs to this node, and the network,
 * by which `vtepd cleanup` knows whose a direct route is. The lladdr
 * is what the leases file says; else what was published or kept before; else a random one, kept before anybody sees it.
 * Must not: look at the device (the device machine lets a device that exists keep its own lladdr).
 */
import type { OwnNode } from '../cluster/lease.ts'
import type { Wanted } from '../device/types.ts'
import { type Cidr, parseCidr } from '../net/cidr.ts'
import { type Family, type Ip, parseIpOf } from '../net/ip.ts'
import { isUnicastLladdr, type Lladdr, parseLladdr, randomLladdr } from '../net/lladdr.ts'
import type { Kept } from './kept-value.ts'

export interface OwnDevice {
  /** `kind` of the source: what a leases file says is configured, what a Node's annotation says is only remembered. */
  choose(
    own: OwnNode,
    kind: 'kube' | 'file',
  ): Promise<{ readonly lladdr: NonNullable<Wanted['lladdr']>; readonly founded: Ip | undefined }>
  /** The machine settled on these: a restart shall find them. */
  remember(device: { readonly lladdr: Lladdr; readonly founded: Ip | undefined }): Promise<void>
}

export function createOwnDevice(
  family: Family,
  network: Cidr | undefined,
  keep: <T extends string>(field: string, parse: (text: string) => T) => Kept<T>,
): OwnDevice {
  const lladdrs = keep('lladdr', parseOwnLladdr)
  const underlays = keep('underlay', (text) => parseIpOf(family, text))
  const networks = keep('network', parseCidr)
  let made: Lladdr | undefined
  return {
    async choose(own, kind) {
      const founded = await underlays.load()
      const told = own.lladdrs[family]
      if (told !== undefined && kind === 'file') return { lladdr: { value: told, authority: 'configured' }, founded }
      made ??= told ?? (await lladdrs.load()) ?? randomLladdr()
      await lladdrs.save(made)
      return { lladdr: { value: made, authority: 'remembered' }, founded }
    },
    async remember({ lladdr, founded }) {
      await lladdrs.save(lladdr)
      if (founded !== undefined) await underlays.save(founded)
      if (network !== undefined) await networks.save(network)
    },
  }
}

function parseOwnLladdr(text: string): Lladdr {
  const lladdr = parseLladdr(text)
  if (!isUnicastLladdr(lladdr)) throw new RangeError(`${lladdr} is not a unicast MAC address`)
  return lladdr
}
