/**
 * From dumps to facts: which link is our device, who holds its place, what the underlay is. Pure.
 * Must not: decide what to do about them.
 */
import { type Cidr, cidrFamily, contains, prefixLength } from '../net/cidr.ts'
import type { Ifindex } from '../net/ifindex.ts'
import { addressBits } from '../net/ip.ts'
import type { Lladdr } from '../net/lladdr.ts'
import type { EntryTable } from '../rtnl/entries.ts'
import type { Address, Link, ResolvedRoute } from '../rtnl/port.ts'
import type { UnderlayChoice } from '../underlay/choice.ts'
import type { UnderlayKnowledge } from '../underlay/knowledge.ts'
import { isFounded, type UnderlayMemory } from '../underlay/memory.ts'
import { namesInterface } from '../underlay/places.ts'
import { chooseUnderlay, type UnderlayDecision } from '../underlay/underlay.ts'
import { type DeviceSettings, keepsDevice, type Observation } from './types.ts'
import { deviceName, isOverlayDevice, KERNEL_VXLAN_PORT } from './vtep.ts'

/** What one look at the kernel brought, in the machine's family. */
export interface Facts {
  readonly links: readonly Link[]
  /** Of both families: an address of the other one can name the interface. */
  readonly addresses: readonly Address[]
  /** Main table; may be empty where the choice of the interface does not ask for it (`needsRoutes`). */
  readonly routes: EntryTable
  /** The route to `choice.canReach`. */
  readonly reach: ResolvedRoute | undefined
  readonly acceptRa: number | undefined
  readonly interrupted: boolean
}

/** What we know beside the kernel: our link as it was last seen, our lladdr, and what decides about the underlay. */
export interface Knowledge {
  readonly ifindex: Ifindex | undefined
  readonly lladdr: Lladdr | undefined
  readonly underlay: Omit<UnderlayKnowledge, 'deviceLocal'>
  readonly memory: UnderlayMemory
  /** Whether a peer's underlay address is inside. */
  readonly reachesPeers: (prefix: Cidr) => boolean
}

/**
 * Only the default route's interface is found in the routes: with 100,000 of them, they are dumped when asked for. While an
 * address stands that is well founded, nobody asks.
 */
export function needsRoutes(choice: UnderlayChoice, known: Knowledge, addresses: readonly Address[]): boolean {
  const { memory, underlay } = known
  if (namesInterface(choice) || underlay.hint !== undefined) return false
  if (!isFounded(memory, underlay)) return true
  return !addresses.some(({ ip, flags }) => ip === memory.inUse?.ip && !flags.deprecated && !flags.tentative)
}

export function interpretFacts(
  settings: DeviceSettings,
  choice: UnderlayChoice,
  facts: Facts,
  known: Knowledge,
): { readonly observation: Observation } & Omit<UnderlayDecision, 'answer'> {
  const device = findDevice(settings, facts.links, known)
  const { answer, memory, againMs } = chooseUnderlay(
    settings.family,
    choice,
    {
      links: facts.links,
      addresses: facts.addresses,
      routes: facts.routes,
      reach: facts.reach,
      // A network of length 0 (k3s writes ::/0) holds every address: it says nothing about which are the overlay's.
      network: bounded(settings.network[settings.family]),
      exclude: (link) => holdsOurPlace(settings, link) || link.ifindex === device?.ifindex || isOverlayDevice(link),
    },
    { ...known.underlay, deviceLocal: device?.vxlan?.local },
    known.memory,
  )
  const observation: Observation = {
    underlay: answer,
    device,
    bridged: facts.links.some((link) => link.ifindex === device?.master && link.kind === 'bridge'),
    addresses: facts.addresses.filter(({ ifindex }) => ifindex === device?.ifindex),
    swallowed: (prefix) =>
      known.reachesPeers(prefix) ||
      (isWiderThanAddress(prefix) &&
        (cidrFamily(prefix) === settings.family
          ? !('waiting' in answer) && contains(prefix, answer.local)
          : facts.addresses.some(({ ifindex, ip }) => ifindex !== device?.ifindex && contains(prefix, ip)))),
    acceptRa: device === undefined ? undefined : facts.acceptRa,
    txChecksum: undefined,
    holder: facts.links.find((link) => link.ifindex !== device?.ifindex && holdsOurPlace(settings, link)),
    interrupted: facts.interrupted,
  }
  // What an inconsistent dump does not show may be there all the same: it must not become a memory.
  return { observation, memory: facts.interrupted ? known.memory : memory, againMs }
}

/** By name; else the link that we had, renamed; else one in our place with our MAC: renamed while nobody looked. */
export function findDevice(
  settings: DeviceSettings,
  links: readonly Link[],
  known: Pick<Knowledge, 'ifindex' | 'lladdr'>,
): Link | undefined {
  if (!keepsDevice(settings)) return undefined
  const name = deviceName(settings.family, settings.network.backend.vni)
  return (
    links.find((link) => link.ifname === name) ??
    links.find((link) => link.ifindex === known.ifindex && holdsOurPlace(settings, link)) ??
    links.find((link) => known.lladdr !== undefined && link.lladdr === known.lladdr && holdsOurPlace(settings, link))
  )
}

/** The kernel allows one VXLAN link for each VNI, port and family of the underlay (kernel-facts 4). */
function holdsOurPlace(settings: DeviceSettings, link: Link): boolean {
  const { backend } = settings.network
  return (
    backend.type === 'vxlan' &&
    link.vxlan !== undefined &&
    !link.vxlan.metadata &&
    link.vxlan.vni === backend.vni &&
    link.vxlan.port === (backend.port ?? KERNEL_VXLAN_PORT) &&
    link.vxlan.underlay === settings.family
  )
}

/** Our own underlay address is taken by nobody else who has it on another link of this host too. */
function isWiderThanAddress(prefix: Cidr): boolean {
  return prefixLength(prefix) < addressBits(cidrFamily(prefix))
}

function bounded(network: Cidr | undefined): Cidr | undefined {
  return network !== undefined && prefixLength(network) > 0 ? network : undefined
}
