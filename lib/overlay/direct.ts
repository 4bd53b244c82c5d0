/**
 * Which peers can be reached without VXLAN (`Backend.DirectRouting`, host-gw): those whose underlay address the kernel would send to
 * without a gateway. flannel asks the kernel for each peer (RTM_GETROUTE); here one dump of the main table answers for all,
 * since a question a peer would cost a second at 100,000 peers. Pure.
 * Must not: see rules and other tables: a host that routes its underlay by `ip rule` should leave DirectRouting off.
 */

import * as abi from '../addon/abi.ts'
import type { Ifindex } from '../net/ifindex.ts'
import { addressBits, type Family, type Ip } from '../net/ip.ts'
import { readAddress } from '../net/ip-text.ts'
import { type EntryTable, entryBytes, ifindexOfEntry } from '../rtnl/entries.ts'

/** The link on which `ip` is a neighbour of ours; undefined: behind a gateway, unreachable, or behind our own device. */
export type OnLink = (ip: Ip) => Ifindex | undefined

export interface DirectRoutes {
  readonly onLink: OnLink
  /** The same text means the same answers: what was decided with it still holds. */
  readonly signature: string
}

/** The best route of one prefix: the first in the dump, which has the lowest metric. */
interface Best {
  readonly ifindex: number
}

/** `routes`: the main table of the family; routes of `device`, our own VXLAN link if any, are no way for outer packets. */
export function directRoutes(family: Family, routes: EntryTable, device: Ifindex | undefined): DirectRoutes {
  const size = addressBits(family) / 8
  const byLength = new Map<number, Map<string, Best>>()
  const signature: string[] = []
  for (let i = 0; i < routes.length; i += 1) {
    const bytes = entryBytes(routes, i)
    const link = ifindexOfEntry(bytes)
    // Our own direct routes lead to pods, not to VTEPs.
    if (link === device || bytes[abi.OFFSET_PROTOCOL] === abi.RTPROT_VTEPD) continue
    const length = bytes[abi.OFFSET_DST_LENGTH] ?? 0
    const prefixes = byLength.get(length) ?? new Map<string, Best>()
    byLength.set(length, prefixes)
    const key = keyOf(bytes.subarray(abi.OFFSET_DST, abi.OFFSET_DST + size))
    if (prefixes.has(key)) continue
    const best = { ifindex: isOnLink(bytes) ? link : 0 }
    prefixes.set(key, best)
    signature.push(`${key}/${length}=${best.ifindex}`)
  }
  const lengths = [...byLength.keys()].sort((a, b) => b - a)
  const address = new Uint8Array(size)
  return {
    signature: signature.sort().join(),
    onLink(ip) {
      for (const length of lengths) {
        address.fill(0)
        readAddress(ip, address, 0)
        mask(address, length)
        const best = byLength.get(length)?.get(keyOf(address))
        if (best !== undefined) return best.ifindex === 0 ? undefined : (best.ifindex as Ifindex)
      }
      return undefined
    },
  }
}

const NOT_ON_LINK = abi.ENTRY_GATEWAY | abi.ENTRY_DEAD | abi.ENTRY_MULTIPATH

/** Unicast through one link without a gateway, and alive. */
function isOnLink(bytes: Uint8Array): boolean {
  const flags = bytes[abi.OFFSET_FLAGS] ?? 0
  const unicast = bytes[abi.OFFSET_TYPE] === abi.RTN_UNICAST
  return unicast && ifindexOfEntry(bytes) !== 0 && (flags & NOT_ON_LINK) === 0
}

function mask(address: Uint8Array, length: number): void {
  for (let i = 0; i < address.length; i += 1) {
    const keep = Math.min(8, Math.max(0, length - i * 8))
    address[i] = (address[i] ?? 0) & (0xff << (8 - keep))
  }
}

function keyOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes)
}
