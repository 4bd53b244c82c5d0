/** Every damage that a device can suffer while the underlay is well (damage.ts says what a damage is). */
import { createNetns, type Scope } from '../../../support/netns.ts'
import { claimOf, deviceName, type Family, PORT, VNI } from './cluster.ts'
import { type Damage, device, inOneStep } from './damage.ts'
import type { Host } from './host.ts'

export const DEVICE_DAMAGES: readonly Damage[] = [
  device('is deleted', (name) => [`link del ${name}`]),
  {
    ...device('is deleted four times', (name) => [`link del ${name}`]),
    waits: true,
    async apply(host, family) {
      for (let i = 0; i < 4; i += 1) {
        if (i > 0) await host.right()
        await host.ip(`link del ${deviceName(family)}`)
      }
    },
  },
  device("is replaced by somebody's bridge of the same name", (name) => [
    `link del ${name}`,
    `link add ${name} type bridge`,
    `link set ${name} up`,
  ]),
  remade('with another VNI', { vni: 99 }),
  remade('with another port', { port: 9999 }),
  remade('with GBP', { more: 'gbp' }),
  remade('that learns', { learning: 'learning' }),
  device('is made anew in metadata mode', (name) => [
    `link del ${name}`,
    `link add ${name} type vxlan external dstport 9998`,
    `link set ${name} up`,
  ]),
  { name: "is made anew, hanging on somebody else's interface", extent: 'device', waits: true, apply: hangElsewhere },
  { name: 'is deleted while a stranger takes its VNI and port', extent: 'device', waits: true, apply: takePlace },
  device('is set down', (name) => [`link set ${name} down`]),
  device('is set down and up at once', (name) => [`link set ${name} down`, `link set ${name} up`]),
  device('gets another MAC', (name) => [`link set ${name} address 0e:ff:00:00:00:01`]),
  device('gets a lower MTU', (name) => [`link set ${name} mtu 1300`]),
  { ...device('gets a higher MTU', (name) => [`link set ${name} mtu 8000`]), pinned: false },
  device('loses its address', (name, family) => [`address del ${ownPrefix(family)} dev ${name}`]),
  device('gets a foreign address', (name, family) => [`address add ${foreignPrefix(family)} dev ${name}`]),
  device('has its address replaced by a foreign one', (name, family) => [
    `address add ${foreignPrefix(family)} dev ${name}`,
    `address del ${ownPrefix(family)} dev ${name}`,
  ]),
  {
    name: 'begins to accept router advertisements',
    extent: 'one',
    async apply(host, family) {
      const key = `net/ipv6/conf/${deviceName(family).replace('/', '.')}/accept_ra`
      await host.netns.exec('sh', '-c', `echo 2 > /proc/sys/${key}`)
    },
  },
  {
    name: 'is renamed',
    extent: 'device',
    async apply(host, family) {
      const name = deviceName(family)
      const renaming = `link set ${name} name elsewhat0`
      // Before Linux 6.2 it must be down for that.
      const down = () => inOneStep(host, [`link set ${name} down`, renaming, 'link set elsewhat0 up'])
      await inOneStep(host, [renaming]).catch(down)
    },
  },
  {
    ...device('is enslaved to a bridge', (name) => [`link add br7 type bridge`, `link set ${name} master br7`]),
    waits: true,
    async apply(host, family) {
      await host.ip('link add br7 type bridge', `link set ${deviceName(family)} master br7`)
      await host.right()
      await host.ip('link del br7')
    },
  },
  { name: 'is moved to another namespace and deleted there', extent: 'device', waits: true, apply: moveAway },
]

interface Remade {
  readonly vni?: number
  readonly port?: number
  readonly learning?: string
  readonly more?: string
}

/** A device of our name as somebody else would have made it. */
function remade(how: string, { vni = VNI, port = PORT, learning = 'nolearning', more = '' }: Remade): Damage {
  return {
    name: `is made anew ${how}`,
    extent: 'device',
    apply: (host, family) =>
      host.whileFrozen(() =>
        host.ip(
          `link del ${deviceName(family)}`,
          `link add ${deviceName(family)} type vxlan id ${vni} dstport ${port} local ${local(host, family)} ${learning} ${more}`,
          `link set ${deviceName(family)} up`,
        ),
      ),
  }
}

/** Adopted: moved to the right interface, but pinned from then on, until it dies. */
async function hangElsewhere(host: Host, family: Family): Promise<void> {
  const before = host.expected
  const name = deviceName(family)
  await host.whileFrozen(() =>
    host.ip(
      `link del ${name}`,
      `link add ${name} type vxlan id ${VNI} dstport ${PORT} local ${local(host, family)} dev other0 nolearning`,
      `link set ${name} up`,
    ),
  )
  host.expected = { ...before, parents: { ...before.parents, [family]: 'mgmt0' } }
  await host.right()
  await host.ip(`link del ${name}`)
  host.expected = before
}

async function takePlace(host: Host, family: Family): Promise<void> {
  const seen = host.agent.lines.length
  await host.whileFrozen(() =>
    host.ip(
      `link del ${deviceName(family)}`,
      `link add thief0 type vxlan id ${VNI} dstport ${PORT} local ${local(host, family)} nolearning`,
      'link set thief0 up',
    ),
  )
  await host.agent.until('device.state', ({ to, because }) => to === 'blocked' && `${because}`.includes('thief0'), seen)
  await host.ip('link del thief0')
}

async function moveAway(host: Host, family: Family, t: Scope): Promise<void> {
  const away = await createNetns(t, 'away')
  await host.ip(`link set ${deviceName(family)} netns ${away.name}`)
  await away.exec('ip', 'link', 'del', deviceName(family))
}

function local(host: Host, family: Family): string {
  return host.expected.underlay[family] ?? claimOf(family, host.expected.own).underlay
}

function ownPrefix(family: Family): string {
  return `${claimOf(family, 1).overlay}/${family === 'ipv4' ? 32 : 128}`
}

function foreignPrefix(family: Family): string {
  return family === 'ipv4' ? '10.99.0.1/24' : 'fd42:0:0:9999::1/64'
}
