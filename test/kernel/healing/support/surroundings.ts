/**
 * What stands around the device in a node's namespace: the uplink, the management interface on it, and things of others
 * that nothing may ever change. Must not: know the agent, or vtepd's netlink code.
 */

import type { Netns } from '../../../support/netns.ts'
import { runProgram } from '../../../support/run-program.ts'
import { claimOf, type Expected, type Family, UNDERLAY_LENGTH } from './cluster.ts'

/** What network managers make of an uplink. */
export type ParentKind = 'macvlan' | 'bridge'

export interface ParentOptions {
  readonly name?: string
  readonly mtu?: number
  /** With prefix length; default: ours. */
  readonly addresses?: readonly string[]
}

/** What is the same after each rebuild. */
export interface ParentNature {
  readonly parent?: ParentKind
  /** Default: the kernel's choice. */
  readonly parentLladdr?: string
}

/** `ip` commands for a veth pair that stands for the cable. */
export const UPLINK = [
  'link add eth0 mtu 9000 type veth peer name far0 mtu 9000',
  'link set eth0 up',
  'link set far0 up',
]

/** What belongs to others: none of it may ever change. */
const SURROUNDINGS = [
  'link add other0 type bridge',
  'link set other0 up',
  'address add 198.51.100.1/24 dev other0',
  'address add 2001:db8:100::1/64 dev other0 nodad',
  'route add 203.0.113.0/24 via 198.51.100.9 dev other0 proto static metric 7',
  'route add 10.200.0.0/16 dev other0 proto static table 99',
  'route add 2001:db8:200::/48 via 2001:db8:100::9 dev other0 proto static metric 7',
  'neigh add 198.51.100.9 lladdr 0e:ff:00:00:00:09 dev other0 nud permanent',
  'link add foreign7 type vxlan id 7 dstport 4789 local 198.51.100.1 nolearning',
  'link set foreign7 up',
]
const FOREIGN_FDB = 'fdb append 0e:ff:00:00:00:07 dev foreign7 dst 198.51.100.7 self permanent'
/** The part of them that stands in the main table, as tables.ts writes it. */
export const FOREIGN_ROUTES: Readonly<Record<Family, string>> = {
  ipv4: 'unicast 203.0.113.0/24 via 198.51.100.9 dev other0 metric 7 proto static',
  ipv6: 'unicast 2001:db8:200::/48 via 2001:db8:100::9 dev other0 metric 7 proto static',
}

/** As `ipv6.disable=1` would have it. */
export async function disableIpv6(netns: Netns): Promise<void> {
  const keys = ['all', 'default', 'lo'].map((each) => `/proc/sys/net/ipv6/conf/${each}/disable_ipv6`)
  await netns.exec('sh', '-c', `echo 1 | tee ${keys.join(' ')}`)
}

/** `ip` commands that build the management interface of a node. */
export function parentLines(of: ParentNature, expected: Expected, options: ParentOptions): string[] {
  const { name = 'mgmt0', mtu = 1500 } = options
  const addresses = options.addresses ?? expected.families.map((family) => underlayPrefix(family, expected.own))
  const attributes = `name ${name} mtu ${mtu} ${of.parentLladdr === undefined ? '' : `address ${of.parentLladdr}`}`
  const link =
    of.parent === 'bridge'
      ? [`link add ${attributes} type bridge`, `link set eth0 master ${name}`, `link set ${name} mtu ${mtu}`]
      : [`link add link eth0 ${attributes} type macvlan mode bridge`]
  const adds = addresses.map((address) => `address add ${address} dev ${name}${address.includes(':') ? ' nodad' : ''}`)
  return [...link, `link set ${name} up`, ...adds]
}

/** The underlay address of a node by its number, as `ip address` takes it. */
export function underlayPrefix(family: Family, node = 1): string {
  return `${claimOf(family, node).underlay}/${UNDERLAY_LENGTH[family]}`
}

/** Makes what belongs to others. */
export async function addForeign(netns: Netns, ipv6: boolean): Promise<void> {
  await runLines(
    'ip',
    netns.name,
    SURROUNDINGS.filter((line) => ipv6 || !line.includes('2001:')),
  )
  await runLines('bridge', netns.name, [FOREIGN_FDB])
}

/** All of it, to be compared. */
export async function readForeign(netns: string): Promise<string[]> {
  const command = [
    'ip -o link show dev other0',
    'ip -o -d link show dev foreign7',
    'bridge fdb show dev foreign7',
    'ip -o address show dev other0 scope global',
    'ip neigh show dev other0 nud permanent',
    'ip route show table 99',
  ].join('; ')
  const result = await runProgram('ip', ['netns', 'exec', netns, 'sh', '-c', command])
  if (result.outcome !== 'exited' || result.status !== 0) throw new Error(`reading ${netns}: ${JSON.stringify(result)}`)
  return result.stdout.split('\n')
}

/** One command a line, in one process, so that nothing comes between; rejects when one of them fails. */
export async function runLines(program: 'ip' | 'bridge', netns: string, lines: readonly string[]): Promise<void> {
  const result = await runProgram(program, ['-n', netns, '-batch', '-'], { input: `${lines.join('\n')}\n` })
  if (result.outcome !== 'exited' || result.status !== 0)
    throw new Error(`${program} in ${netns}: ${JSON.stringify(result)}\n${lines.join('\n')}`)
}
