/** What is known of our own address beside what the host has. Must not: hold anything, only its shape. */
import type { Ip } from '../net/ip.ts'

/** What the cluster and earlier lives know of our own address. */
export interface UnderlayKnowledge {
  /** Monotonic milliseconds. */
  readonly now: number
  /** node-public-ip(v6) or the leases file's `underlay`: counts like --public-ip(v6) and wins over it, as in flannel. */
  readonly hint?: Ip | undefined
  /** What our Node says now, and what it said when this agent first saw it. */
  readonly published?: Ip | undefined
  readonly publishedBefore?: Ip | undefined
  /** status.addresses of our Node. */
  readonly internalIp?: Ip | undefined
  /** Of the device that exists: what was in use before this agent started. */
  readonly deviceLocal?: Ip | undefined
  /** Whether another lease names this address as its underlay. */
  readonly isPublishedByOthers?: ((ip: Ip) => boolean) | undefined
}
