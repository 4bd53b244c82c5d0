/**
 * What of this node's device outlives a restart: its lladdr, the underlay address that belongs to this node, the network, by
 * which `vtepd cleanup` knows whose a direct route is, and the subnet file, by which a later run knows what is its own. The lladdr is what the leases file says; else what was published or
 * kept before; else the one that our Node's UID gives, or a random one where there is no UID (leases file), kept before anybody
 * sees it. One that an older Node has is given up before it is published.
 * Must not: look at the device (the device machine lets a device that exists keep its own lladdr).
 */
import type { Lease, OwnNode } from '../cluster/lease.ts'
import type { LeaseView } from '../cluster/view.ts'
import type { Wanted } from '../device/types.ts'
import type { LeaseSource } from '../leases/source.ts'
import { type Cidr, parseCidr } from '../net/cidr.ts'
import { type Family, type Ip, parseIpOf } from '../net/ip.ts'
import { deriveLladdr, isUnicastLladdr, type Lladdr, parseLladdr, randomLladdr } from '../net/lladdr.ts'
import type { Vni } from '../net/vni.ts'
import type { Log } from '../util/log.ts'
import type { Kept } from './kept-value.ts'

/** `kind` of the source: what a leases file says is configured, what others say is only remembered. */
type SourceKind = LeaseSource['kind']

export interface OwnDevice {
  choose(
    own: OwnNode,
    kind: SourceKind,
  ): Promise<{ readonly lladdr: Wanted['lladdr']; readonly founded: Ip | undefined }>
  /**
   * Where an older Node claims the lladdr at an address that is not this host's, which is so for machines that were cloned
   * with their files, ours is another one from now on, and true is returned. To be asked before it is published, never after: who runs
   * does not give way to a newcomer. `used`: by the device as it stands.
   */
  giveWay(own: OwnNode, kind: SourceKind, view: LeaseView, used: Lladdr | undefined): Promise<boolean>
  /** The machine settled on these: a restart shall find them. */
  remember(device: { readonly lladdr: Lladdr | undefined; readonly founded: Ip | undefined }): Promise<void>
}

export function createOwnDevice(
  family: Family,
  parts: {
    readonly network: Cidr | undefined
    /** undefined: host-gw, where there is no lladdr to choose. */
    readonly vni: Vni | undefined
    /** The one of this agent alone: by it a later run knows that the device is its own. */
    readonly subnetFile: string
    /** What a core before this one knew of our underlay address. */
    readonly foundedBefore: Ip | undefined
    readonly keep: <T extends string>(field: string, parse: (text: string) => T) => Kept<T>
    /** Whether this host has the address, or is reached at it. */
    readonly isHere: (ip: Ip) => Promise<boolean>
    readonly log: Log
  },
): OwnDevice {
  const { network, vni, keep } = parts
  const lladdrs = keep('lladdr', parseOwnLladdr)
  const underlays = keep('underlay', (text) => parseIpOf(family, text))
  const networks = keep('network', parseCidr)
  const subnetFiles = keep('subnet-file', String)
  let made: Lladdr | undefined
  /** A device that stands must take it. */
  let imposed = false

  /** Before there is anything: a run that ends in the middle leaves what the next one has to know. */
  const keepWhose = async (): Promise<void> => {
    await subnetFiles.save(parts.subnetFile)
    if (network !== undefined) await networks.save(network)
  }
  const choose: OwnDevice['choose'] = async (own, kind) => {
    const founded = (await underlays.load()) ?? parts.foundedBefore
    await keepWhose()
    if (vni === undefined) return { lladdr: undefined, founded }
    const told = own.lladdrs[family]
    if (told !== undefined && kind === 'file') {
      await lladdrs.save(told)
      return { lladdr: { value: told, authority: 'configured' }, founded }
    }
    const fresh = (): Lladdr => (own.uid === undefined ? randomLladdr() : deriveLladdr(own.uid, family, vni))
    made ??= told ?? (await lladdrs.load()) ?? fresh()
    await lladdrs.save(made)
    return { lladdr: { value: made, authority: imposed ? 'configured' : 'remembered' }, founded }
  }
  const olderClaimant = async (own: OwnNode, view: LeaseView, lladdr: Lladdr): Promise<Lease | undefined> => {
    for (const list of [view.contested, view.peers.values()])
      for (const lease of list) {
        const claim = lease[family]
        if (claim?.lladdr !== lladdr || !isOlder(lease, own) || claim.underlay === own.publishInstead[family]) continue
        if (!(await parts.isHere(claim.underlay))) return lease
      }
    return undefined
  }
  return {
    choose,
    async giveWay(own, kind, view, used) {
      if (vni === undefined || own.uid === undefined || (kind === 'file' && own.lladdrs[family] !== undefined))
        return false
      const lladdr = used ?? (await choose(own, kind)).lladdr?.value
      if (lladdr === undefined) return false
      const derived = deriveLladdr(own.uid, family, vni)
      const older = lladdr === derived ? undefined : await olderClaimant(own, view, lladdr)
      if (older === undefined) return false
      if (made !== derived || !imposed)
        parts.log.warn(
          'lease.lladdr-drawn',
          `the MAC ${lladdr} is that of ${older.node} (${older[family]?.underlay}), an older Node: is this machine a clone of it? Ours is ${derived} from now on`,
          { family, node: older.node, lladdr: derived },
        )
      made = derived
      imposed = true
      return true
    },
    async remember({ lladdr, founded }) {
      if (vni !== undefined && lladdr !== undefined) await lladdrs.save(lladdr)
      if (founded !== undefined) await underlays.save(founded)
    },
  }
}

function isOlder(a: Pick<Lease, 'seniority' | 'uid'>, b: Pick<Lease, 'seniority' | 'uid'>): boolean {
  return a.seniority === b.seniority ? (a.uid ?? '') < (b.uid ?? '') : a.seniority < b.seniority
}

function parseOwnLladdr(text: string): Lladdr {
  const lladdr = parseLladdr(text)
  if (!isUnicastLladdr(lladdr)) throw new RangeError(`${lladdr} is not a unicast MAC address`)
  return lladdr
}
