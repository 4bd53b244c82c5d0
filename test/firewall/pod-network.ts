/**
 * A node between a pod, another node's pod, the outside behind the underlay, and a client behind a second interface; and
 * programs in each place that say under which address a datagram arrived. Must not: use an overlay: routes are plain here.
 */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Family } from '../../lib/net/ip.ts'
import { createNetns, type Netns, type Scope } from '../support/netns.ts'

export const PLACES = {
  ipv4: {
    pod: '10.42.1.5',
    remotePod: '10.42.2.5',
    outside: '192.0.2.9',
    client: '198.51.100.9',
    node: {
      overlay: '10.42.1.0',
      gateway: '10.42.1.1',
      underlay: '192.0.2.1',
      toClient: '198.51.100.1',
      /** What masquerading takes here on the way to pods of other nodes. */
      toPods: '192.0.2.1',
    },
    bits: { pods: 24, underlay: 24 },
    network: '10.42.0.0/16',
    remote: '10.42.2.0/24',
  },
  ipv6: {
    pod: '2001:cafe:42:1::5',
    remotePod: '2001:cafe:42:2::5',
    outside: '2001:db8:1::9',
    client: '2001:db8:2::9',
    node: {
      overlay: '2001:cafe:42:1::',
      gateway: '2001:cafe:42:1::1',
      underlay: '2001:db8:1::1',
      toClient: '2001:db8:2::1',
      toPods: '2001:cafe:42:1::',
    },
    bits: { pods: 64, underlay: 64 },
    network: '2001:cafe:42::/56',
    remote: '2001:cafe:42:2::/64',
  },
} as const

export type Place = 'pod' | 'outside' | 'client' | 'node'

export interface PodNetwork {
  readonly node: Netns
  /** The source address that `to` sees of a datagram that is sent in `from`, from the address `as` where it is given. */
  seen(from: Place, to: string, as?: string): Promise<string>
  /** Sends from so many sockets one after the other; the addresses that `to` saw, each once. */
  seenOfMany(from: Place, to: string, count: number): Promise<readonly string[]>
  /** One socket that stays: each call sends once more, and gives address and port as they were seen. */
  connect(from: Place, to: string): Promise<() => Promise<string>>
}

const PORT = 9999

const SERVER = `
import socket, sys
s = socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], ${PORT}))
print('ready', flush=True)
while True:
  data, who = s.recvfrom(100)
  s.sendto(f'{who[0]} {who[1]}'.encode(), who)
`
// Asks again after a moment: neighbours are resolved first.
const CLIENT = `
import socket, sys
to, source, count, lasting = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4] == 'lasting'
def opened():
  s = socket.socket(socket.AF_INET6 if ':' in to else socket.AF_INET, socket.SOCK_DGRAM)
  s.settimeout(0.5)
  if source: s.bind((source, 0))
  return s
def ask(s):
  for _ in range(20):
    s.sendto(b'who', (to, ${PORT}))
    try: return s.recvfrom(100)[0].decode()
    except (TimeoutError, ConnectionError): pass
  return 'no answer'
if lasting:
  s = opened()
  for _ in sys.stdin: print(ask(s), flush=True)
else:
  print('\\n'.join(sorted({ask(opened()).split()[0] for _ in range(count)})))
`

export async function createPodNetwork(t: Scope, family: Family): Promise<PodNetwork> {
  const at = PLACES[family]
  const netns: Record<Place, Netns> = {
    node: await createNetns(t, 'node'),
    pod: await createNetns(t, 'pod'),
    outside: await createNetns(t, 'outside'),
    client: await createNetns(t, 'client'),
  }
  const connect = async (place: Exclude<Place, 'node'>, ifname: string, near: string, far: string, bits: number) => {
    await netns.node.exec(
      'ip',
      'link',
      'add',
      ifname,
      'type',
      'veth',
      'peer',
      'name',
      'eth0',
      'netns',
      netns[place].name,
    )
    for (const [where, address, dev] of [
      [netns.node, near, ifname],
      [netns[place], far, 'eth0'],
    ] as const) {
      await where.exec(
        'ip',
        'address',
        'add',
        `${address}/${bits}`,
        'dev',
        dev,
        ...(family === 'ipv6' ? ['nodad'] : []),
      )
      await where.exec('ip', 'link', 'set', dev, 'up')
    }
  }
  await connect('pod', 'cni0', at.node.gateway, at.pod, at.bits.pods)
  await connect('outside', 'eth0', at.node.underlay, at.outside, at.bits.underlay)
  await connect('client', 'eth1', at.node.toClient, at.client, at.bits.underlay)
  const host = family === 'ipv4' ? 32 : 128
  const nodad = family === 'ipv6' ? ['nodad'] : []
  await netns.node.exec('sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1')
  await netns.node.exec('ip', 'address', 'add', `${at.node.overlay}/${host}`, 'dev', 'eth0', ...nodad)
  await netns.node.exec('ip', 'route', 'add', at.remote, 'via', at.outside)
  // Another node's pod, so to speak.
  await netns.outside.exec('ip', 'address', 'add', `${at.remotePod}/${host}`, 'dev', 'lo', ...nodad)
  await netns.outside.exec('ip', 'route', 'add', at.network, 'via', at.node.underlay)
  await netns.pod.exec('ip', 'route', 'add', 'default', 'via', at.node.gateway)
  await netns.client.exec('ip', 'route', 'add', 'default', 'via', at.node.toClient)
  // Each at its own address: what a socket of all addresses answers may come from another one than was asked.
  await Promise.all([
    serve(t, netns.pod, at.pod),
    serve(t, netns.outside, at.outside),
    serve(t, netns.outside, at.remotePod),
    serve(t, netns.client, at.client),
  ])

  const ask = (from: Place, to: string, source = '', count = 1) =>
    netns[from].exec('python3', '-c', CLIENT, to, source, String(count), 'once')
  return {
    node: netns.node,
    seen: async (from, to, as) => (await ask(from, to, as)).trim(),
    seenOfMany: async (from, to, count) => (await ask(from, to, '', count)).trim().split('\n'),
    async connect(from, to) {
      const child = spawnIn(t, netns[from], 'python3', '-c', CLIENT, to, '', '1', 'lasting')
      return async () => {
        child.stdin.write('\n')
        return child.line()
      }
    },
  }
}

async function serve(t: Scope, netns: Netns, address: string): Promise<void> {
  const server = spawnIn(t, netns, 'python3', '-c', SERVER, address)
  await server.line()
}

function spawnIn(t: Scope, netns: Netns, ...command: readonly string[]) {
  const child = spawn('ip', ['netns', 'exec', netns.name, ...command], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    stdin: child.stdin,
    async line(): Promise<string> {
      const { value, done } = await lines.next()
      if (done === true) throw new Error(`${command[0]} in ${netns.name} has ended`)
      return value
    },
  }
}
