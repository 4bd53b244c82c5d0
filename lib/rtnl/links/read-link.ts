/** From what the kernel says to a link as a value. Must not: fail on anything that a kernel can hold. */
import { toIfindex } from '../../net/ifindex.ts'
import { type Lladdr, lladdrFromBytes } from '../../net/lladdr.ts'
import type { Codec } from '../../netlink/codec.ts'
import type { VxlanDetails } from './kinds/vxlan.ts'
import { keyOfKind, type LinkInfo } from './kinds.ts'
import type { ForeignParent, KindDetails, LinkDetails } from './link.ts'
import * as schema from './schema.ts'

const ARPHRD_ETHER = 1

/** Said as they are where they are said. */
const TOLD = [
  ...(['minMtu', 'maxMtu', 'netnsid', 'carrierChanges', 'carrierUpCount', 'carrierDownCount', 'gsoMaxSegs'] as const),
  ...(['gsoMaxSize', 'groMaxSize', 'tsoMaxSegs', 'tsoMaxSize', 'gsoIpv4MaxSize', 'groIpv4MaxSize'] as const),
  ...(['parentDevice', 'parentBus', 'statistics'] as const),
] as const

/** Reads RTM_NEWLINK and RTM_DELLINK; undefined for what is none. */
export const linkAnswer: Codec<LinkDetails> = {
  ...(schema.linkMessage as unknown as Codec<LinkDetails>),
  read(view, start, end, name, faults) {
    const raw = schema.linkMessage.read(view, start, end, name, faults)
    return raw === undefined ? undefined : linkOf(raw)
  },
}

function linkOf(raw: schema.RawLink): LinkDetails | undefined {
  const ifindex = toIfindex(raw.ifindex ?? 0)
  if (ifindex === undefined || raw.ifname === undefined) return undefined
  const { linkinfo, netnsid } = raw
  return {
    ifindex,
    ifname: raw.ifname,
    altnames: raw.properties ?? [],
    kind: linkinfo?.kind ?? '',
    mtu: raw.mtu ?? 0,
    ...addressesOf(raw),
    ...flagsOf(raw.flags ?? 0),
    hardwareType: raw.hardwareType ?? 0,
    operstate: (raw.operstate as LinkDetails['operstate'] | undefined) ?? 'unknown',
    linkMode: raw.linkMode ?? 'default',
    master: toIfindex(raw.master ?? 0),
    ...parentOf(raw.parent, netnsid),
    txQueueLength: raw.txQueueLength ?? 0,
    promiscuity: raw.promiscuity ?? 0,
    alias: raw.alias,
    group: raw.group ?? 0,
    qdisc: raw.qdisc,
    txQueues: raw.txQueues ?? 1,
    rxQueues: raw.rxQueues ?? 1,
    ...toldOf(raw),
    ...kindOf(linkinfo, netnsid !== undefined),
  }
}

function toldOf(raw: schema.RawLink): Partial<LinkDetails> {
  const value: Record<string, unknown> = {}
  for (const key of TOLD) if (raw[key] !== undefined) value[key] = raw[key]
  if (raw.protoDown !== undefined) value.protoDown = raw.protoDown !== 0
  const { addrGenMode, token } = raw.afSpec?.inet6 ?? {}
  if (addrGenMode !== undefined) value.addrGenMode = addrGenMode
  if (token !== undefined && token !== '::') value.token = token
  return value as Partial<LinkDetails>
}

function addressesOf({ address, broadcast, permanentAddress, hardwareType }: schema.RawLink) {
  const isEthernet = hardwareType === ARPHRD_ETHER
  const lladdrOf = (bytes: Uint8Array | undefined): Lladdr | undefined =>
    isEthernet && bytes?.length === 6 ? lladdrFromBytes(bytes) : undefined
  return {
    lladdr: lladdrOf(address),
    broadcast: lladdrOf(broadcast),
    permanentLladdr: lladdrOf(permanentAddress),
    ...(isEthernet || address === undefined || address.length === 0 ? {} : { hardwareAddress: address }),
  }
}

function flagsOf(flags: number) {
  const has = (flag: number): boolean => (flags & flag) !== 0
  return {
    flags,
    up: has(schema.IFF_UP),
    carrier: has(schema.IFF_LOWER_UP),
    loopback: has(schema.IFF_LOOPBACK),
    pointToPoint: has(schema.IFF_POINTOPOINT),
    noArp: has(schema.IFF_NOARP),
    multicast: has(schema.IFF_MULTICAST),
    promiscuous: has(schema.IFF_PROMISC),
    allMulticast: has(schema.IFF_ALLMULTI),
  }
}

/** An ifindex of another namespace says nothing here. */
function parentOf(parent = 0, netnsid?: number): Pick<LinkDetails, 'parent'> & { foreignParent?: ForeignParent } {
  const ifindex = toIfindex(parent)
  if (netnsid === undefined || ifindex === undefined) return { parent: ifindex }
  return { parent: undefined, foreignParent: { ifindex, netnsid } }
}

function kindOf(info: LinkInfo | undefined, isForeign: boolean): Partial<KindDetails & Pick<LinkDetails, 'portKind'>> {
  if (info === undefined) return {}
  const { kind = '', data, portKind, port } = info
  const value: Record<string, unknown> = {}
  const key = keyOfKind(kind)
  if (data !== undefined && key !== undefined) value[key] = isForeign ? withoutParent(data) : data
  if (portKind !== undefined) value.portKind = portKind
  if (port !== undefined) value[`${portKind}Port`] = port
  return value
}

function withoutParent(data: unknown): unknown {
  const { parent, ...rest } = data as Partial<VxlanDetails>
  return parent === undefined ? data : { ...rest, parent: undefined }
}
