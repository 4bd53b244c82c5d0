/** What the lease tests share: values from text, a log that remembers, waiting for an event with a bound. */
import assert from 'node:assert/strict'
import type { FamilyLease, Lease } from '../../lib/cluster/lease.ts'
import { parseNetwork } from '../../lib/cluster/net-conf.ts'
import type { Network } from '../../lib/cluster/network.ts'
import { type Accepted, createAcceptedLeases } from '../../lib/leases/accepted/accepted-leases.ts'
import type { Claim } from '../../lib/leases/accepted/claim.ts'
import type { OwnClaim } from '../../lib/leases/accepted/validation.ts'
import type { RememberedClaim } from '../../lib/leases/kube/view-file.ts'
import { NO_IPS, type NodeFacts } from '../../lib/leases/wire/node-facts.ts'
import { parseCidr } from '../../lib/net/cidr.ts'
import { parseIp } from '../../lib/net/ip.ts'
import { type Lladdr, parseLladdr } from '../../lib/net/lladdr.ts'
import { parseVni } from '../../lib/net/vni.ts'
import type { Log } from '../../lib/util/log.ts'

export const PREFIX = 'flannel.alpha.coreos.com'

export const v4Network: Network = parseNetwork('{"Network":"10.42.0.0/16"}', 'net-conf').network
export const v6Network: Network = parseNetwork(
  '{"EnableIPv4":false,"EnableIPv6":true,"IPv6Network":"fd00:42::/56"}',
  'net-conf',
).network
export const dualNetwork: Network = parseNetwork(
  '{"Network":"10.42.0.0/16","EnableIPv6":true,"IPv6Network":"fd00:42::/56"}',
  'net-conf',
).network

/** The whole set at once. */
export function acceptAll(network: Network, claims: readonly Lease[], own: OwnClaim | undefined): Accepted {
  const leases = createAcceptedLeases(network)
  leases.setOwn(own)
  leases.change(claims.map((after) => ({ before: undefined, after })))
  return leases.accepted
}

/** With an lladdr, as every backend but host-gw has it. */
export type TunnelLease = FamilyLease & { readonly lladdr: Lladdr }

/** The claim of the `n`th node: 10.42.n.0/24 at 192.168.0.n, VNI 1. */
export function claim4(n: number, change: Partial<Record<keyof FamilyLease, string>> = {}): TunnelLease {
  return {
    subnet: parseCidr(change.subnet ?? `10.42.${n}.0/24`),
    underlay: parseIp(change.underlay ?? `192.168.0.${n}`),
    lladdr: parseLladdr(change.lladdr ?? `02:00:00:00:04:${n.toString(16).padStart(2, '0')}`),
    vni: parseVni(Number(change.vni ?? 1)),
  }
}

/** The claim of the `n`th node: fd00:42:0:n::/64 at fd00::n, VNI 1. */
export function claim6(n: number, change: Partial<Record<keyof FamilyLease, string>> = {}): TunnelLease {
  const hex = n.toString(16)
  return {
    subnet: parseCidr(change.subnet ?? `fd00:42:0:${hex}::/64`),
    underlay: parseIp(change.underlay ?? `fd00::${hex}`),
    lladdr: parseLladdr(change.lladdr ?? `02:00:00:00:06:${hex.padStart(2, '0')}`),
    vni: parseVni(Number(change.vni ?? 1)),
  }
}

/** Without `uid` it holds nothing. */
export function lease(
  node: string,
  families: Partial<Pick<Lease, 'ipv4' | 'ipv6'>>,
  seniority = node,
  uid?: string,
): Lease {
  return { node, uid, seniority, ipv4: undefined, ipv6: undefined, ...families }
}

/** As a cache says it of one who holds all that he claims. */
export function held(claim: Claim): RememberedClaim & { readonly claim: Claim } {
  return { claim, faults: [], held: undefined }
}

/** A Node as flannel's agent leaves it: IPv4, the `n`th of v4Network. */
export function flannelNode(name: string, n: number, change: Partial<NodeFacts> = {}): NodeFacts {
  return {
    name,
    uid: `uid-${name}`,
    creationTimestamp: '2026-01-01T00:00:00Z',
    annotations: {
      [`${PREFIX}/kube-subnet-manager`]: 'true',
      [`${PREFIX}/backend-type`]: 'vxlan',
      [`${PREFIX}/backend-data`]: `{"VNI":1,"VtepMAC":"02:00:00:00:04:${n.toString(16).padStart(2, '0')}"}`,
      [`${PREFIX}/public-ip`]: `192.168.0.${n}`,
    },
    podCidrs: [`10.42.${n}.0/24`],
    networkUnavailable: undefined,
    internalIps: NO_IPS,
    ...change,
  }
}

export interface LogLine {
  readonly level: keyof Omit<Log, 'with'>
  readonly event: string
  readonly message: string
}

export interface MemoryLog extends Log {
  readonly lines: readonly LogLine[]
  of(event: string): readonly LogLine[]
}

export function createMemoryLog(): MemoryLog {
  const lines: LogLine[] = []
  const writer = (level: LogLine['level']) => (event: string, message: string) =>
    void lines.push({ level, event, message })
  const log: MemoryLog = {
    lines,
    of: (event) => lines.filter((line) => line.event === event),
    debug: writer('debug'),
    info: writer('info'),
    warn: writer('warn'),
    error: writer('error'),
    with: () => log,
  }
  return log
}

/** Resolves when `check` holds, looked at between events; fails after ten seconds. */
export async function until(check: () => boolean, what: string): Promise<void> {
  const deadline = process.hrtime.bigint() + 10_000_000_000n
  while (!check()) {
    if (process.hrtime.bigint() > deadline) assert.fail(`waited in vain for: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}
