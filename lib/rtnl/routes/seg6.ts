/**
 * The segment routing header of a route (struct seg6_iptunnel_encap with struct ipv6_sr_hdr behind it, linux/seg6_iptunnel.h).
 * Must not: read one with TLVs (an HMAC): that stays bytes.
 */

import type { Ip } from '../../net/ip.ts'
import { asIpOf, asObject } from '../../netlink/check.ts'
import type { Codec } from '../../netlink/codec.ts'
import { ip, oneOf, u32 } from '../../netlink/scalars.ts'
import { shown } from '../../util/wrong-input.ts'

const MODES = { inline: 0, encap: 1, l2encap: 2, 'encap.red': 3, 'l2encap.red': 4 } as const
export type Seg6Mode = keyof typeof MODES | number

export interface Seg6Header {
  readonly mode: Seg6Mode
  readonly segments: readonly Ip[]
}

const mode: Codec<Seg6Mode> = oneOf(u32, MODES)
const MODE_BYTES = 4
const HEADER_BYTES = 8
const SEGMENT_BYTES = 16
/** IPv6 routing header type of segment routing (RFC 8754). */
const ROUTING_TYPE = 4
/** The header's length is a byte, in units of eight bytes. */
const MOST_SEGMENTS = 127

export const seg6: Codec<Seg6Header> = {
  write(out, value, name) {
    const { segments } = asObject(name, value)
    if (!Array.isArray(segments)) throw new TypeError(`${name}.segments: ${shown(segments)} is not an array`)
    if (segments.length === 0 || segments.length > MOST_SEGMENTS)
      throw new RangeError(`${name}.segments: ${segments.length} are not from 1 to ${MOST_SEGMENTS}`)
    mode.write(out, value.mode, `${name}.mode`)
    out.u8(0)
    out.u8(2 * segments.length)
    out.u8(ROUTING_TYPE)
    out.u8(segments.length - 1)
    out.u8(segments.length - 1)
    out.zeros(3)
    // The last segment of the way stands first.
    for (let i = segments.length - 1; i >= 0; i -= 1)
      ip.write(out, asIpOf(`${name}.segments[${i}]`, segments[i], 'ipv6'), name)
  },
  read(view, start, end, name, faults) {
    if (end - start < MODE_BYTES + HEADER_BYTES) return undefined
    const count = view.getUint8(start + MODE_BYTES + 4) + 1
    const first = start + MODE_BYTES + HEADER_BYTES
    if (view.getUint8(start + MODE_BYTES + 1) !== 2 * count || end - first !== count * SEGMENT_BYTES) return undefined
    const segments: Ip[] = []
    for (let i = count - 1; i >= 0; i -= 1) {
      const at = first + i * SEGMENT_BYTES
      const segment = ip.read(view, at, at + SEGMENT_BYTES, name, faults)
      if (segment === undefined) return undefined
      segments.push(segment)
    }
    const found = mode.read(view, start, start + MODE_BYTES, name, faults)
    return found === undefined ? undefined : { mode: found, segments }
  },
}
