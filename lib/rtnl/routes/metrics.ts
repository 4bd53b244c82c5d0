/** RTA_METRICS: what a route says of the connections over it (RTAX_*, linux/rtnetlink.h). Must not: know the route. */

import { attributes } from '../../netlink/attributes.ts'
import { asInteger } from '../../netlink/check.ts'
import type { Codec } from '../../netlink/codec.ts'
import { bits, text, u32 } from '../../netlink/scalars.ts'
import { shown } from '../../util/wrong-input.ts'

/** Each may be missing; the kernel then decides. Bytes, packets and milliseconds. */
export interface RouteMetrics {
  /** RTAX_MTU, bytes. */
  readonly mtu?: number | undefined
  /** Largest receive window, bytes. */
  readonly window?: number | undefined
  /** First estimate of the round trip and of its variance: milliseconds, in steps of an eighth and a quarter. */
  readonly rtt?: number | undefined
  readonly rttvar?: number | undefined
  /** Segments. */
  readonly ssthresh?: number | undefined
  readonly cwnd?: number | undefined
  /** MSS that is told to peers, bytes. */
  readonly advmss?: number | undefined
  readonly reordering?: number | undefined
  readonly hoplimit?: number | undefined
  readonly initcwnd?: number | undefined
  readonly initrwnd?: number | undefined
  readonly features?: readonly (RouteFeature | number)[] | undefined
  /** Least retransmission time-out, milliseconds. */
  readonly rtoMin?: number | undefined
  /** 1: acknowledge at once. */
  readonly quickack?: number | undefined
  /** Congestion control algorithm, by name. */
  readonly congestion?: string | undefined
  /** 1: TCP Fast Open without a cookie. */
  readonly fastopenNoCookie?: number | undefined
  /** Those that path MTU discovery and TCP must not change. */
  readonly lock?: readonly (LockableMetric | number)[] | undefined
}

const FEATURES = { ecn: 1, sack: 2, timestamp: 4, allfrag: 8, tcpUsecTs: 16 } as const
export type RouteFeature = keyof typeof FEATURES

/** 1 << RTAX_*. */
const LOCKS = {
  mtu: 1 << 2,
  window: 1 << 3,
  rtt: 1 << 4,
  rttvar: 1 << 5,
  ssthresh: 1 << 6,
  cwnd: 1 << 7,
  advmss: 1 << 8,
  reordering: 1 << 9,
  hoplimit: 1 << 10,
  initcwnd: 1 << 11,
  rtoMin: 1 << 13,
  initrwnd: 1 << 14,
  quickack: 1 << 15,
} as const
export type LockableMetric = keyof typeof LOCKS

export const metrics: Codec<RouteMetrics> = attributes({
  lock: [1, bits(u32, LOCKS)],
  mtu: [2, u32],
  window: [3, u32],
  rtt: [4, inSteps(8)],
  rttvar: [5, inSteps(4)],
  ssthresh: [6, u32],
  cwnd: [7, u32],
  advmss: [8, u32],
  reordering: [9, u32],
  hoplimit: [10, u32],
  initcwnd: [11, u32],
  features: [12, bits(u32, FEATURES)],
  rtoMin: [13, u32],
  initrwnd: [14, u32],
  quickack: [15, u32],
  congestion: [16, text],
  fastopenNoCookie: [17, u32],
})

/** A number whose unit the kernel divides into `steps`. */
function inSteps(steps: number): Codec<number> {
  return {
    ...u32,
    write(out, value, name) {
      if (typeof value !== 'number') throw new TypeError(`${name}: ${shown(value)} is not a number`)
      if (!Number.isInteger(value * steps)) throw new RangeError(`${name}: ${value} is no multiple of 1/${steps}`)
      asInteger(name, Math.floor(value), 0, Math.floor(0xffffffff / steps))
      u32.write(out, value * steps, name)
    },
    read(view, start, end, name, faults) {
      const value = u32.read(view, start, end, name, faults)
      return value === undefined ? undefined : value / steps
    },
  }
}
