/** VLANs of the ports of bridges, and of the bridges themselves. Must not: retry, decide or log. */

import { type Ifindex, toIfindex } from '../../net/ifindex.ts'
import type { CallOptions } from '../../netlink/call.ts'
import { asFlag, asIfindex, asInteger, copyOf } from '../../netlink/check.ts'
import type { Dump } from '../../netlink/dump.ts'
import type { Netlink } from '../../netlink/netlink.ts'
import * as schema from './schema.ts'

export interface BridgeVlanSpec {
  /** A port; the bridge itself with `self`. */
  readonly ifindex: Ifindex
  /** 1 … 4094. */
  readonly vid: number
  /** The last of a range that begins with `vid`. Default: `vid`. */
  readonly lastVid?: number | undefined
  /** What comes in untagged is of this VLAN; not of a range. */
  readonly pvid?: boolean | undefined
  /** It leaves untagged. */
  readonly untagged?: boolean | undefined
  /** The link is the bridge: which VLANs reach its own network stack. */
  readonly self?: boolean | undefined
}

/** VLANs in a row that have the same flags. It can be written back, and deleted, as it is. */
export interface BridgeVlan extends BridgeVlanSpec {
  readonly lastVid: number
  readonly pvid: boolean
  readonly untagged: boolean
  readonly self: boolean
}

/** Promises reject with TypeError or RangeError before anything is sent, with NetlinkError where the kernel refused. */
export interface BridgeVlans {
  /** Of all bridges and ports, or of one of them: ranges, ascending within a link. Empty where the kernel has no VLAN filtering. */
  listBridgeVlans(filter?: { readonly ifindex?: Ifindex }, options?: CallOptions): Promise<Dump<readonly BridgeVlan[]>>
  /** Adds VLANs, or changes the flags of those that are there. EOPNOTSUPP: no such port, or a kernel without VLAN filtering. */
  addBridgeVlan(vlan: BridgeVlanSpec, options?: CallOptions): Promise<void>
  /** The flags are passed over. The kernel does not say whether there was one. */
  deleteBridgeVlan(vlan: BridgeVlanSpec, options?: CallOptions): Promise<void>
}

const KEYS = 'ifindex vid lastVid pvid untagged self'.split(' ')

export function bridgeVlansOver(netlink: Netlink): BridgeVlans {
  const write = async (
    op: string,
    type: number,
    vlan: BridgeVlanSpec,
    value: schema.RawBridgeLink,
    options?: CallOptions,
  ) => {
    const range =
      vlan.lastVid === undefined || vlan.lastVid === vlan.vid ? `${vlan.vid}` : `${vlan.vid}-${vlan.lastVid}`
    const subject = `VLAN ${range} of ifindex ${vlan.ifindex}`
    await netlink.request({ type, body: schema.bridgeLink, value, op, subject }, options)
  }
  return {
    async listBridgeVlans(filter = {}, options) {
      const { ifindex } = copyOf('filter', filter, ['ifindex'])
      if (ifindex !== undefined) asIfindex('filter.ifindex', ifindex)
      const value = { family: schema.AF_BRIDGE, filter: schema.RTEXT_FILTER_BRVLAN_COMPRESSED }
      const query = { type: schema.RTM_GETLINK, body: schema.bridgeLink, value, answer: schema.bridgeLink }
      const named = { answerType: schema.RTM_NEWLINK, op: 'bridge.vlans', subject: 'all' }
      const dump = await netlink.dump({ ...query, ...named }, options)
      return { ...dump, value: dump.value.filter((one) => (ifindex ?? one.ifindex) === one.ifindex).flatMap(vlansOf) }
    },
    async addBridgeVlan(given, options) {
      const vlan = copyOf('vlan', given, KEYS)
      await write('bridge.addVlan', schema.RTM_SETLINK, vlan, rawVlan(vlan, true), options)
    },
    async deleteBridgeVlan(given, options) {
      const vlan = copyOf('vlan', given, KEYS)
      await write('bridge.deleteVlan', schema.RTM_DELLINK, vlan, rawVlan(vlan, false), options)
    },
  }
}

function vlansOf(raw: schema.RawBridgeLink): BridgeVlan[] {
  const ifindex = toIfindex(raw.ifindex ?? 0)
  if (ifindex === undefined || raw.family !== schema.AF_BRIDGE) return []
  const found: BridgeVlan[] = []
  // A port names its master; the bridge names itself.
  const self = raw.master === undefined || raw.master === ifindex
  let begin: number | undefined
  for (const { flags, vid } of raw.vlans?.vlans ?? []) {
    if ((flags & schema.VLAN_RANGE_BEGIN) !== 0) {
      begin = vid
      continue
    }
    const first = (flags & schema.VLAN_RANGE_END) === 0 ? vid : (begin ?? vid)
    const [pvid, untagged] = [(flags & schema.VLAN_PVID) !== 0, (flags & schema.VLAN_UNTAGGED) !== 0]
    found.push({ ifindex, vid: first, lastVid: vid, pvid, untagged, self })
  }
  return found
}

function rawVlan(vlan: BridgeVlanSpec, withFlags: boolean): schema.RawBridgeLink {
  const ifindex = asIfindex('vlan.ifindex', vlan.ifindex)
  const vid = asInteger('vlan.vid', vlan.vid, 1, 4094)
  const lastVid = vlan.lastVid === undefined ? vid : asInteger('vlan.lastVid', vlan.lastVid, vid, 4094)
  const pvid = asFlag('vlan.pvid', vlan.pvid) === true
  const untagged = asFlag('vlan.untagged', vlan.untagged) === true
  const self = asFlag('vlan.self', vlan.self) === true
  if (pvid && lastVid !== vid) throw new RangeError('vlan.pvid: a range cannot be that')
  const flags = withFlags ? (pvid ? schema.VLAN_PVID : 0) | (untagged ? schema.VLAN_UNTAGGED : 0) : 0
  const vlans =
    lastVid === vid
      ? [{ flags, vid }]
      : [
          { flags: flags | schema.VLAN_RANGE_BEGIN, vid },
          { flags: flags | schema.VLAN_RANGE_END, vid: lastVid },
        ]
  return { family: schema.AF_BRIDGE, ifindex, vlans: { ...(self ? { flags: schema.BRIDGE_FLAGS_SELF } : {}), vlans } }
}
