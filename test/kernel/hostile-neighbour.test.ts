/**
 * What somebody on the LAN can make of a node's overlay by wrapping forged frames in VXLAN: nothing that changes where packets go.
 * Each forgery is sent again where nothing prevents it, so that it is known to work.
 */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { createAgentFolder, startAgentProcess } from '../support/agent-process.ts'
import { createNetns, kernelTests, type Netns } from '../support/netns.ts'
import { eventually } from './facts/support.ts'

const NET_CONF = {
  EnableIPv6: true,
  Network: '10.42.0.0/16',
  IPv6Network: 'fd42::/56',
  Backend: { Type: 'vxlan', VNI: 1 },
}
const US = { ipv4: '0e:2a:00:00:04:01', ipv6: '0e:2a:00:00:06:01' }
const PEER = { ipv4: '0e:2a:00:00:04:02', ipv6: '0e:2a:00:00:06:02' }
const STRANGER = '0e:66:00:00:00:66'
const LEASES = [
  {
    name: 'us',
    ipv4: { subnet: '10.42.1.0/24', lladdr: US.ipv4 },
    ipv6: { subnet: 'fd42:0:0:1::/64', lladdr: US.ipv6 },
  },
  {
    name: 'peer',
    ipv4: { subnet: '10.42.2.0/24', underlay: '172.30.78.2', lladdr: PEER.ipv4 },
    ipv6: { subnet: 'fd42:0:0:2::/64', underlay: 'fd78::2', lladdr: PEER.ipv6 },
  },
]

/** A node with an agent that is ready, and somebody with an address on its LAN. */
async function setUp(t: TestContext) {
  const [node, hostile] = [await createNetns(t, 'node'), await createNetns(t, 'hostile')]
  await node.exec('ip', 'link', 'add', 'mgmt0', 'type', 'veth', 'peer', 'name', 'lan0', 'netns', hostile.name)
  for (const [netns, link, last] of [
    [node, 'mgmt0', '1'],
    [hostile, 'lan0', '66'],
  ] as const) {
    await netns.exec('ip', 'address', 'add', `172.30.78.${last}/24`, 'dev', link)
    await netns.exec('ip', 'address', 'add', `fd78::${last}/64`, 'dev', link, 'nodad')
    await netns.exec('ip', 'link', 'set', link, 'up')
  }
  const folder = createAgentFolder(NET_CONF)
  const leases = path.join(folder.path, 'leases.json')
  writeFileSync(leases, JSON.stringify(LEASES))
  const agent = startAgentProcess(t, node, 'us', [...folder.flags, `--leases=${leases}`, '--iface=mgmt0'])
  await agent.until('agent.ready')
  const received = async (device: string): Promise<number> => {
    const [link] = JSON.parse(await node.exec('ip', '-json', '-s', 'link', 'show', 'dev', device))
    const { packets, dropped } = link.stats64.rx
    return packets + dropped
  }
  return {
    node,
    hostile,
    agent,
    /** Resolves when the device has received as many more frames. */
    async send(device: string, to: string, frames: readonly Buffer[]): Promise<void> {
      const before = await received(device)
      await sendVxlan(hostile, to, frames)
      await eventually(async () => ((await received(device)) >= before + frames.length ? true : undefined))
    },
    /** Where packets of the overlay go, and by what. */
    async tables(device: string): Promise<string> {
      const words = [
        ['bridge', 'fdb', 'show', 'dev', device],
        ['ip', 'neighbour', 'show', 'dev', device, 'nud', 'permanent'],
        ['ip', 'route', 'show', 'dev', device],
        ['ip', '-6', 'route', 'show', 'dev', device],
        ['ip', '-o', 'address', 'show', 'dev', device, 'scope', 'global'],
      ] as const
      const texts: string[] = []
      for (const [program, ...rest] of words) texts.push(await node.exec(program, ...rest))
      return texts.join('')
    },
  }
}

test('frames with forged senders, ARP and neighbour advertisements in VXLAN move no entry', kernelTests, async (t) => {
  const { node, hostile, agent, send, tables } = await setUp(t)
  const before = [await tables('flannel.1'), await tables('flannel-v6.1')]
  const forged4 = [
    frame(US.ipv4, PEER.ipv4, 0x0800, Buffer.alloc(64)),
    frame(US.ipv4, STRANGER, 0x0800, Buffer.alloc(64)),
    frame('ff:ff:ff:ff:ff:ff', STRANGER, 0x0806, arpReply(STRANGER, [10, 42, 2, 0], US.ipv4, [10, 42, 1, 0])),
  ]
  const forged6 = [
    frame(US.ipv6, PEER.ipv6, 0x86dd, Buffer.alloc(64)),
    frame('33:33:00:00:00:01', STRANGER, 0x86dd, advertisement(STRANGER, 'fd420000000000020000000000000000')),
  ]
  await send('flannel.1', '172.30.78.1', forged4)
  await send('flannel-v6.1', 'fd78::1', forged6)
  assert.deepEqual([await tables('flannel.1'), await tables('flannel-v6.1')], before)

  agent.kill('SIGTERM')
  await agent.ended
  await node.exec('ip', 'link', 'set', 'flannel.1', 'type', 'vxlan', 'learning')
  await node.exec('sysctl', '-qw', 'net.ipv4.neigh.flannel/1.locktime=0')
  await node.exec(
    'ip',
    'neighbour',
    'replace',
    '10.42.2.0',
    'lladdr',
    PEER.ipv4,
    'nud',
    'reachable',
    'dev',
    'flannel.1',
  )
  await sendVxlan(hostile, '172.30.78.1', forged4)
  const after = await eventually(async () => {
    const neighbours = await node.exec('ip', 'neighbour', 'show', 'dev', 'flannel.1')
    const text = `${neighbours}${await tables('flannel.1')}`
    return text.includes(`10.42.2.0 lladdr ${STRANGER}`) ? text : undefined
  })
  assert.match(after, new RegExp(`${STRANGER} dst 172\\.30\\.78\\.66 self`), 'a device that learns')
  assert.match(
    after,
    new RegExp(`${PEER.ipv4} dst 172\\.30\\.78\\.2 self permanent`),
    'a permanent entry stays even there',
  )
})

test('a router advertisement in VXLAN gives the device neither address nor route', kernelTests, async (t) => {
  const { node, agent, send, tables } = await setUp(t)
  const before = await tables('flannel-v6.1')
  const advertised = [frame('33:33:00:00:00:01', STRANGER, 0x86dd, routerAdvertisement(STRANGER))]
  await send('flannel-v6.1', 'fd78::1', advertised)
  assert.equal(await tables('flannel-v6.1'), before)

  agent.kill('SIGTERM')
  await agent.ended
  await node.exec('sysctl', '-qw', 'net.ipv6.conf.flannel-v6/1.accept_ra=2')
  await send('flannel-v6.1', 'fd78::1', advertised)
  await eventually(async () => ((await tables('flannel-v6.1')).includes('default via fe80::66') ? true : undefined))
})

async function sendVxlan(from: Netns, to: string, frames: readonly Buffer[]): Promise<void> {
  const header = Buffer.from([8, 0, 0, 0, 0, 0, 1, 0])
  const datagrams = frames.map((inner) => Buffer.concat([header, inner]).toString('hex'))
  const script = `
    const socket = require('node:dgram').createSocket(process.argv[1].includes(':') ? 'udp6' : 'udp4')
    let left = process.argv.length - 2
    for (const hex of process.argv.slice(2))
      socket.send(Buffer.from(hex, 'hex'), 8472, process.argv[1], () => { left -= 1; if (left === 0) socket.close() })`
  await from.exec(process.execPath, '-e', script, to, ...datagrams)
}

function frame(to: string, from: string, type: number, payload: Buffer): Buffer {
  return Buffer.concat([bytes(to), bytes(from), Buffer.from([type >> 8, type & 0xff]), payload])
}

function bytes(text: string): Buffer {
  return Buffer.from(text.replaceAll(':', ''), 'hex')
}

/** RFC 826. */
function arpReply(sha: string, spa: readonly number[], tha: string, tpa: readonly number[]): Buffer {
  const head = Buffer.from([0, 1, 8, 0, 6, 4, 0, 2])
  return Buffer.concat([head, bytes(sha), Buffer.from(spa), bytes(tha), Buffer.from(tpa), Buffer.alloc(18)])
}

/** RFC 4861 4.4: overriding, with the target's link-layer address; `target` is 16 bytes in hex. */
function advertisement(lladdr: string, target: string): Buffer {
  return icmpv6(136, Buffer.from([0x20, 0, 0, 0]), bytes(target), Buffer.from([2, 1]), bytes(lladdr))
}

/** RFC 4861 4.2: a default router for half an hour, with an autonomous prefix 2001:db8:66::/64. */
function routerAdvertisement(lladdr: string): Buffer {
  const prefix = Buffer.concat([
    Buffer.from([3, 4, 64, 0xc0, 0, 0, 7, 8, 0, 0, 7, 8, 0, 0, 0, 0]),
    bytes('20010db8006600000000000000000000'),
  ])
  const router = Buffer.from([64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0])
  return icmpv6(134, router, prefix, Buffer.from([1, 1]), bytes(lladdr))
}

/** An IPv6 packet from fe80::66 to ff02::1. */
function icmpv6(type: number, ...parts: readonly Buffer[]): Buffer {
  const addresses = bytes('fe800000000000000000000000000066ff020000000000000000000000000001')
  const message = Buffer.concat([Buffer.from([type, 0, 0, 0]), ...parts])
  const pseudo = Buffer.concat([addresses, Buffer.from([0, 0, 0, message.length, 0, 0, 0, 58]), message])
  let sum = 0
  for (let at = 0; at < pseudo.length; at += 2) sum += pseudo.readUInt16BE(at)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16)
  message.writeUInt16BE(~sum & 0xffff, 2)
  return Buffer.concat([Buffer.from([0x60, 0, 0, 0, 0, message.length, 58, 255]), addresses, message])
}
