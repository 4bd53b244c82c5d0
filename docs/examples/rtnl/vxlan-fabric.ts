// Two hosts, as network namespaces, joined by a VXLAN that no control plane has made: a link, an FDB entry, a neighbour and a route
// on each. A datagram to an address behind the other one gets through.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type Ifindex, openRtnl, parseCidr, parseIp, parseLladdr, type Rtnl } from 'vtepd/rtnl'

const hosts = ['fabric-a', 'fabric-b'].map((name, i) => ({
  name,
  underlay: parseIp(`192.0.2.${i + 1}`),
  vtep: parseIp(`10.1.${i + 1}.0`),
  subnet: parseCidr(`10.1.${i + 1}.0/24`),
  lladdr: parseLladdr(`02:00:00:00:00:0${i + 1}`),
}))
type Host = (typeof hosts)[number]

async function configure(rtnl: Rtnl, wire: Ifindex, own: Host, other: Host): Promise<void> {
  await rtnl.addAddress({ ifindex: wire, ip: own.underlay, prefixLength: 24 })
  await rtnl.changeLink(wire, { up: true })
  const vxlan = {
    ifname: 'vx0',
    vni: 7,
    port: 4789,
    local: own.underlay,
    lladdr: own.lladdr,
    learning: false,
    up: true,
  }
  const { ifindex } = await rtnl.createVxlan(vxlan)
  await rtnl.addAddress({ ifindex, ip: own.vtep, prefixLength: 32 })
  await rtnl.addFdb({ ifindex, lladdr: other.lladdr, dst: other.underlay })
  await rtnl.addNeighbour({ ifindex, ip: other.vtep, lladdr: other.lladdr })
  await rtnl.addRoute({ dst: other.subnet, gateway: other.vtep, oif: ifindex, onlink: true })
}

/** What the socket of `receiver` hears of a datagram that `sender` sends to its VTEP address. */
async function exchange(sender: Host, receiver: Host): Promise<string> {
  const hear = `const s = require('dgram').createSocket('udp4'); s.on('message', (m) => { console.log(String(m)); s.close() })
    s.bind(4000, () => console.log('ready')); setTimeout(() => process.exit(1), 10000).unref()`
  const send = `const s = require('dgram').createSocket('udp4'); s.send('hello', 4000, '${receiver.vtep}', () => s.close())`
  const inside = (host: Host, script: string) => ['netns', 'exec', host.name, process.execPath, '-e', script]
  const child = spawn('ip', inside(receiver, hear), { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'close')
  let heard = ''
  child.stdout.on('data', (text) => {
    if (heard === '') execFileSync('ip', inside(sender, send))
    heard += text
  })
  await ended
  return heard.replace('ready\n', '').trim()
}

const [a, b] = hosts as [Host, Host]
for (const { name } of hosts) execFileSync('ip', ['netns', 'add', name])
const doors = hosts.map(({ name }) => openRtnl({ netns: name })) as [Rtnl, Rtnl]
try {
  await doors[0].createVeth({ ifname: 'wire0', peer: { ifname: 'wire0', netns: b.name } })
  for (const [i, rtnl] of doors.entries()) {
    const wire = await rtnl.getLink('wire0')
    if (wire !== undefined) await configure(rtnl, wire.ifindex, hosts[i] as Host, hosts[1 - i] as Host)
  }
  console.log(`${b.name} heard "${await exchange(a, b)}" from ${a.name}`)
} finally {
  for (const rtnl of doors) await rtnl.close()
  for (const { name } of hosts) execFileSync('ip', ['netns', 'delete', name])
}
