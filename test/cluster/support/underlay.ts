/**
 * The network that the nodes of test/cluster stand on: a bridge in the network namespace of the test, where the control plane
 * listens, and a host outside of the cluster. Owns those namespaces and links. Must not: know Kubernetes.
 */
import type { Family } from '../../../lib/net/ip.ts'
import { CONTROL_PLANE, type Families, OUTSIDE, UNDERLAY_LENGTHS, underlayAddress } from './plan.ts'
import { run } from './shell.ts'

export interface Underlay {
  readonly families: Families
  /** A namespace with eth0 on the bridge, and mgmt0 on that; its path. */
  addHost(name: string, host: number): Promise<string>
  /** What a network manager does to mgmt0: gone with all that stands on it, and there again under another ifindex. */
  rebuild(name: string, host: number): Promise<void>
  close(): Promise<void>
}

const BRIDGE = 'underlay'
export const OUTSIDE_HOST = 'outside'

/** With the outside host in it. */
export async function createUnderlay(families: Families): Promise<Underlay> {
  const hosts = new Set<string>()
  await run('ip', 'link', 'add', BRIDGE, 'type', 'bridge')
  await run('ip', 'link', 'set', BRIDGE, 'up')
  for (const family of families) await addAddress([], BRIDGE, family, CONTROL_PLANE)
  const addHost = async (name: string, host: number): Promise<string> => {
    await run('ip', 'netns', 'add', name)
    hosts.add(name)
    await run('ip', 'link', 'add', `u-${name}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name)
    await run('ip', 'link', 'set', `u-${name}`, 'master', BRIDGE, 'up')
    await run('ip', '-n', name, 'link', 'set', 'lo', 'up')
    await buildMgmt(name, families, host)
    return `/run/netns/${name}`
  }
  await addHost(OUTSIDE_HOST, OUTSIDE)
  return {
    families,
    addHost,
    async rebuild(name, host) {
      await run('ip', '-n', name, 'link', 'delete', 'mgmt0')
      await buildMgmt(name, families, host)
    },
    async close() {
      for (const name of hosts) await run('ip', 'netns', 'delete', name)
      await run('ip', 'link', 'delete', BRIDGE)
    },
  }
}

async function buildMgmt(name: string, families: Families, host: number): Promise<void> {
  const inside = ['-n', name]
  const lladdr = `02:00:00:00:00:${host.toString(16).padStart(2, '0')}`
  await run('ip', ...inside, 'link', 'add', 'mgmt0', 'address', lladdr, 'type', 'bridge')
  await run('ip', ...inside, 'link', 'set', 'eth0', 'master', 'mgmt0', 'up')
  await run('ip', ...inside, 'link', 'set', 'mgmt0', 'up')
  for (const family of families) {
    await addAddress(inside, 'mgmt0', family, host)
    const router = underlayAddress(family, CONTROL_PLANE)
    await run('ip', ...inside, 'route', 'replace', 'default', 'via', router, 'dev', 'mgmt0')
  }
}

async function addAddress(inside: readonly string[], link: string, family: Family, host: number): Promise<void> {
  const address = `${underlayAddress(family, host)}/${UNDERLAY_LENGTHS[family]}`
  await run('ip', ...inside, 'address', 'add', address, 'dev', link, ...(family === 'ipv6' ? ['nodad'] : []))
}
