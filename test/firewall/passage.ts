/**
 * A host between a pod and a pod of another node, in namespaces: what its packet filter lets through is seen at the far end. Must
 * not: tell a refusal from a drop; a packet arrives or it does not.
 */
import type { TestContext } from 'node:test'
import { createNetns, type Netns } from '../support/netns.ts'
import { createIptablesHost, type IptablesHost } from './iptables-host.ts'

export interface Passage {
  readonly host: IptablesHost
  /** Whether the first packet of a new connection arrives: from the pod here to the one there, or back. */
  arrives(way: 'out' | 'in'): Promise<boolean>
}

/** 10.42.1.253 behind cni0, 10.42.255.253 behind flannel.1; the port is one that no rule names. */
export async function createPassage(t: TestContext): Promise<Passage> {
  const host = await createIptablesHost(t)
  const here = await createNetns(t, 'pod')
  const there = await createNetns(t, 'far')
  const { exec } = host.netns
  for (const [netns, ifname, gateway, ip] of [
    [here, 'cni0', '10.42.1.1/24', '10.42.1.253/24'],
    [there, 'flannel.1', '10.42.255.1/24', '10.42.255.253/24'],
  ] as const) {
    const [near, far] = ['02:00:00:00:00:01', '02:00:00:00:00:02']
    const peer = ['peer', 'name', 'eth0', 'address', far, 'netns', netns.name]
    await exec('ip', 'link', 'add', ifname, 'address', near, 'type', 'veth', ...peer)
    await exec('ip', 'address', 'add', gateway, 'dev', ifname)
    await exec('ip', 'link', 'set', ifname, 'up')
    await netns.exec('ip', 'address', 'add', ip, 'dev', 'eth0')
    await netns.exec('ip', 'link', 'set', 'eth0', 'up')
    await netns.exec('ip', 'route', 'add', 'default', 'via', gateway.slice(0, -3))
    // No packet waits for an answer to who has an address.
    await netns.exec('ip', 'neighbour', 'add', gateway.slice(0, -3), 'lladdr', near, 'dev', 'eth0')
    await exec('ip', 'neighbour', 'add', ip.slice(0, -3), 'lladdr', far, 'dev', ifname)
    await netns.exec(
      'nft',
      'table ip seen { counter c { }; chain in { type filter hook input priority 0; tcp dport 47102 counter name c reject with tcp reset; }; }',
    )
  }
  await exec('sysctl', '-qw', 'net.ipv4.ip_forward=1')
  const ways = { out: [here, there, '10.42.255.253'], in: [there, here, '10.42.1.253'] } as const
  return {
    host,
    async arrives(way) {
      const [from, to, ip] = ways[way]
      const before = await seenBy(to)
      await from.exec(process.execPath, '-e', KNOCK, ip)
      // It may still be on its way through two hosts' queues.
      for (let looks = 0; looks < 8; looks += 1) if ((await seenBy(to)) !== before) return true
      return false
    },
  }
}

/** Begins a connection, whose first packet is sent before connect(2) returns, and gives it up. */
const KNOCK = `
  const socket = require('node:net').connect({ host: process.argv[1], port: 47102 })
  socket.on('error', () => {})
  setImmediate(() => process.exit())`

async function seenBy(netns: Netns): Promise<string> {
  return /packets \d+/.exec(await netns.exec('nft', 'list', 'counter', 'ip', 'seen', 'c'))?.[0] ?? ''
}
