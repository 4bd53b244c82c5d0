/**
 * Two nodes on one cable, for what passes between them while the agent of one of them changes: the other one is programmed by hand, as
 * flannel would. Must not: start an agent.
 */
import { createNetns, type Netns, type Scope } from '../../../support/netns.ts'
import { startUdpFlow, type UdpFlow } from '../../../support/udp-flow.ts'

export const FAMILIES = ['ipv4', 'ipv6'] as const
export type Family = (typeof FAMILIES)[number]

const DEVICE: Record<Family, string> = { ipv4: 'flannel.1', ipv6: 'flannel-v6.1' }
export const NETWORKS = { Network: '10.42.0.0/16', EnableIPv6: true, IPv6Network: 'fd42::/48' }

/** Node `number`, of 1 (ours) and 2, as everybody knows it. */
export function claim(family: Family, number: number) {
  return family === 'ipv4'
    ? { subnet: `10.42.${number}.0/24`, underlay: `192.168.1.${number}`, lladdr: `0e:00:00:00:04:0${number}` }
    : { subnet: `fd42:0:0:${number}::/64`, underlay: `fd00:1::${number}`, lladdr: `0e:00:00:00:06:0${number}` }
}

export interface TwoNodes {
  readonly us: Netns
  readonly peer: Netns
  /** Of the peer: device, and what leads to us. `lladdr`: of our device. `direct`: by a plain route. */
  program(family: Family, lladdr: string, direct: boolean): Promise<void>
  /** One a family, from our overlay address to the peer's. */
  flows(): Promise<readonly UdpFlow[]>
  /** Ours, to the peer, both families, as `ip route` prints them. */
  routes(): Promise<readonly string[]>
  /** Everything of ours but routes: devices with their addresses and indexes, neighbours, FDB. */
  rest(): Promise<string>
}

const overlay = (family: Family, number: number): string => claim(family, number).subnet.replace(/\/.*/, '')

export async function createTwoNodes(t: Scope): Promise<TwoNodes> {
  const [us, peer] = [await createNetns(t, 'us'), await createNetns(t, 'peer')]
  // While an address is tentative, neighbours are not answered: no doing of ours.
  for (const netns of [us, peer]) await netns.exec('sh', '-c', 'echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad')
  await us.exec('ip', 'link', 'add', 'mgmt0', 'type', 'veth', 'peer', 'name', 'mgmt0', 'netns', peer.name)
  for (const [index, netns] of [us, peer].entries()) {
    await ip(netns, 'link set mgmt0 up')
    await ip(netns, `address add ${claim('ipv4', index + 1).underlay}/24 dev mgmt0`)
    await ip(netns, `address add ${claim('ipv6', index + 1).underlay}/64 dev mgmt0 nodad`)
  }
  return {
    us,
    peer,
    program: (family, lladdr, direct) => programPeer(peer, family, lladdr, direct),
    flows: () =>
      Promise.all(
        FAMILIES.map((family) =>
          startUdpFlow(t, { from: us, source: overlay(family, 1), to: peer, target: overlay(family, 2) }),
        ),
      ),
    async routes() {
      const shown = [await ip(us, '-4 route show'), await ip(us, '-6 route show')].join('\n').split('\n')
      return shown
        .filter((line) => /^(?:10\.42\.2\.0|fd42:0:0:2::)/.test(line))
        .map(plain)
        .sort()
    },
    async rest() {
      const texts = await Promise.all([
        ip(us, '-d -o link show type vxlan'),
        ip(us, '-o address show'),
        ip(us, 'neigh show nud permanent'),
        us.exec('bridge', 'fdb', 'show'),
      ])
      return texts.join('\n').replaceAll(' tentative', '')
    },
  }
}

export function ip(netns: Netns, words: string): Promise<string> {
  return netns.exec('ip', ...words.split(' '))
}

/** A line of iproute2 without what differs by version or place. */
export function plain(line: string): string {
  return line
    .replace(/ pref medium/, '')
    .replaceAll(/\s+/g, ' ')
    .trim()
}

/** What the kernel says by itself meanwhile: link-local addresses that become usable, neighbours that are seen. */
export const BY_ITSELF = /fe80:|ff0\d:| (?:REACHABLE|STALE|DELAY|PROBE|INCOMPLETE|FAILED)/

async function programPeer(peer: Netns, family: Family, lladdr: string, direct: boolean): Promise<void> {
  const [own, other] = [claim(family, 2), claim(family, 1)]
  const dev = DEVICE[family]
  const length = family === 'ipv4' ? 32 : 128
  await ip(peer, `link add ${dev} address ${own.lladdr} type vxlan id 1 local ${own.underlay} dstport 8472 nolearning`)
  await ip(peer, `link set ${dev} up`)
  await ip(peer, `address add ${overlay(family, 2)}/${length} dev ${dev} nodad`)
  await ip(peer, `neigh add ${overlay(family, 1)} lladdr ${lladdr} dev ${dev} nud permanent`)
  await peer.exec('bridge', 'fdb', 'add', lladdr, 'dev', dev, 'dst', other.underlay)
  await ip(
    peer,
    direct
      ? `route add ${other.subnet} via ${other.underlay} dev mgmt0`
      : `route add ${other.subnet} via ${overlay(family, 1)} dev ${dev} onlink`,
  )
}

/** Ours to the peer, before and after a release. */
export const ROUTES = {
  vxlan: {
    ours: [
      '10.42.2.0/24 via 10.42.2.0 dev flannel.1 proto 118 metric 3 onlink',
      'fd42:0:0:2::/64 via fd42:0:0:2:: dev flannel-v6.1 proto 118 metric 1024 onlink',
    ],
    flannels: [
      '10.42.2.0/24 via 10.42.2.0 dev flannel.1 onlink',
      'fd42:0:0:2::/64 via fd42:0:0:2:: dev flannel-v6.1 metric 1024 onlink',
    ],
  },
  direct: {
    ours: [
      '10.42.2.0/24 via 192.168.1.2 dev mgmt0 proto 118 metric 3',
      'fd42:0:0:2::/64 via fd00:1::2 dev mgmt0 proto 118 metric 1024',
    ],
    flannels: ['10.42.2.0/24 via 192.168.1.2 dev mgmt0', 'fd42:0:0:2::/64 via fd00:1::2 dev mgmt0 metric 1024'],
  },
} as const
