/**
 * K nodes that can reach one another and an API server: a bridge in this process's namespace, a namespace a node with
 * mgmt0 on it. Must not: hold anything but links and addresses.
 */

import { readFileSync } from 'node:fs'
import { deviceName } from '../../lib/device/vtep.ts'
import type { Family } from '../../lib/net/ip.ts'
import { openRtnl } from '../../lib/rtnl/native.ts'
import { createNetns, type Netns, type Scope } from '../../test/support/netns.ts'
import { runOrThrow } from '../contenders/programs.ts'
import { leaseOf, OURS, VNI } from './cluster.ts'
import { countOurs, UNDERLAY_IFNAME } from './ground.ts'

/** Where the API server listens: an address of the underlay that no node has. */
export const API_HOST = OURS.ipv4.underlay

const BRIDGE = 'underlay0'

export interface FabricNode {
  /** Of the cluster: nodes 1 to K. */
  readonly index: number
  readonly netns: Netns
  /** IPv4, by which it reaches the API server. */
  readonly address: string
  /** By its link, from everybody, since it was made. */
  receivedBytes(): number
  /** Neighbours, FDB entries and our routes on its devices; 0 while there is none. */
  count(): Promise<number>
}

export async function createBenchFabric(
  scope: Scope,
  families: readonly Family[],
  nodes: number,
): Promise<readonly FabricNode[]> {
  await runOrThrow('ip', ['link', 'add', BRIDGE, 'type', 'bridge'])
  scope.after(() => runOrThrow('ip', ['link', 'delete', BRIDGE]))
  await runOrThrow('ip', ['address', 'add', `${API_HOST}/${OURS.ipv4.prefixLength}`, 'dev', BRIDGE])
  await runOrThrow('ip', ['link', 'set', BRIDGE, 'up'])
  const made: FabricNode[] = []
  for (let index = 1; index <= nodes; index += 1) made.push(await createNode(scope, families, index))
  return made
}

async function createNode(scope: Scope, families: readonly Family[], index: number): Promise<FabricNode> {
  const netns = await createNetns(scope, 'bench-node')
  const outside = `node${index}`
  await runOrThrow('ip', ['link', 'add', outside, 'type', 'veth', 'peer', 'name', UNDERLAY_IFNAME, 'netns', netns.name])
  // The namespace's own end lives on for a while after its deletion.
  scope.after(() => runOrThrow('ip', ['link', 'delete', outside]))
  await runOrThrow('ip', ['link', 'set', outside, 'master', BRIDGE, 'up'])
  await netns.exec('ip', 'link', 'set', UNDERLAY_IFNAME, 'up')
  // IPv4 in any case: the API server is reached through it.
  const lease = leaseOf(['ipv4', ...families], index)
  await netns.exec('ip', 'address', 'add', `${lease.ipv4?.underlay}/${OURS.ipv4.prefixLength}`, 'dev', UNDERLAY_IFNAME)
  if (families.includes('ipv6')) {
    const address = `${lease.ipv6?.underlay}/${OURS.ipv6.prefixLength}`
    await netns.exec('ip', 'address', 'add', address, 'dev', UNDERLAY_IFNAME, 'nodad')
  }
  const rtnl = openRtnl({ netns: netns.path })
  scope.after(() => rtnl.close())
  return {
    index,
    netns,
    address: lease.ipv4?.underlay ?? '',
    receivedBytes: () => sentBy(outside),
    async count() {
      const links = (await rtnl.dumpLinks()).value
      let count = 0
      for (const family of families) {
        const device = links.find(({ ifname }) => ifname === deviceName(family, VNI))
        if (device !== undefined) count += await countOurs(rtnl, family, device.ifindex)
      }
      return count
    },
  }
}

/** Bytes that an interface of this namespace has sent: what its other end has received. */
function sentBy(ifname: string): number {
  const line = readFileSync('/proc/net/dev', 'utf8')
    .split('\n')
    .find((text) => text.trim().startsWith(`${ifname}:`))
  return Number(line?.split(':')[1]?.trim().split(/\s+/)[SENT_BYTES])
}

/** Its column in /proc/net/dev, behind the name. */
const SENT_BYTES = 8
