/**
 * What others do to our device that leaves it standing and takes its packets all the same: an address whose connected route
 * swallows the underlay, and a place in the kernel that a device elsewhere holds.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createNetns, kernelTests } from '../../support/netns.ts'
import { claimOf, deviceName, type Family } from '../healing/support/cluster.ts'
import { createHealthyHost, createHost, type Host } from '../healing/support/host.ts'
import { complaints, FAMILIES, IP } from './support/pod-host.ts'
import { FORWARDING, rows, shell } from './support/shell.ts'

/** Each holds our underlay address, or a peer's. */
const SWALLOWING: Readonly<Record<Family, readonly string[]>> = {
  ipv4: ['172.16.0.99/24', '172.16.0.3/31', '172.17.0.1/12', '172.16.0.99/12', '128.0.0.1/1', '172.16.0.2/32'],
  ipv6: ['fd00:1::99/120', 'fd00:1::3/127', 'fd00:1::98/64', 'fd00:1::2/128'],
}
/** IPv6 addresses that are not ours never stay on the device (the kernel would send pods' answers from them). */
const HARMLESS = ['169.254.7.7/16', '172.16.0.98/32', '172.16.0.1/32', '192.0.2.1/24', '198.51.0.0/31']

test('an address whose connected route swallows the underlay is removed, whenever it comes', kernelTests, async (t) => {
  const host = await createHealthyHost(t, { families: FAMILIES, crowded: true })
  const cases = FAMILIES.flatMap((family) =>
    FAMILIES.flatMap((device) => SWALLOWING[family].map((address) => ({ family, device, address }))),
  )
  for (const { family, device, address } of cases)
    await t.test(`${address} on ${deviceName(device)}`, async () => {
      await host.ip(`address add ${address} dev ${deviceName(device)}${nodad(family)}`)
      await host.ready()
      await reaches(host)
    })
  await t.test('all of them at the start', async () => {
    host.agent.kill('SIGTERM')
    await host.agent.ended
    for (const { family, device, address } of cases)
      await host.ip(`address add ${address} dev ${deviceName(device)}${nodad(family)}`)
    host.start()
    await host.ready()
    await reaches(host)
  })
})

test('an address that swallows nothing stays, and nothing is said', kernelTests, async (t) => {
  const host = await createHealthyHost(t, { families: ['ipv4'], crowded: true })
  await shell(host.netns, ...FORWARDING)
  const from = host.agent.lines.length
  for (const address of HARMLESS) await host.ip(`address add ${address} dev flannel.1`)
  // What is looked at after them: something that is mended.
  await host.ip('link set flannel.1 mtu 1400')
  await host.agent.until('device.effect', ({ effect }) => effect === 'change', from)
  await reaches(host)
  const devices = (await rows(host.netns, 'ip -j -4 address show dev flannel.1')) as unknown as {
    addr_info: { local: string; prefixlen: number }[]
  }[]
  const addresses = devices.flatMap((one) => one.addr_info).map(({ local, prefixlen }) => `${local}/${prefixlen}`)
  assert.deepEqual(addresses.sort(), [...HARMLESS, '10.0.1.0/32'].sort())
  assert.deepEqual(complaints(host, from), [])
})

test(
  'a VNI that a device holds which was made here and moved away is named, and how to find it',
  kernelTests,
  async (t) => {
    for (const when of ['while the agent runs', 'before it starts'] as const)
      await t.test(when, async (t) => {
        const away = await createNetns(t, 'away')
        const host = await createHost(t, { families: FAMILIES })
        await host.buildParent()
        if (when === 'before it starts')
          for (const family of FAMILIES)
            await host.ip(
              `link add ${deviceName(family)} type vxlan id 1 dstport 8472 local ${claimOf(family, 1).underlay}`,
            )
        else {
          host.start()
          await host.ready()
        }
        for (const family of FAMILIES) await host.ip(`link set ${deviceName(family)} netns ${away.name}`)
        if (when === 'before it starts') host.start()
        for (const family of FAMILIES) {
          const { msg } = await host.agent.until(
            'device.not-ready',
            (line) => line.family === family && line.level === 'warn',
          )
          assert.match(msg, /VNI 1 and port 8472.*made here and moved to another namespace/)
          const finding = /`(ip -all netns exec [^`]*)`/.exec(msg)?.[1]
          assert.ok((await shell(host.netns, `${finding}`)).includes(deviceName(family)), msg)
        }
        for (const family of FAMILIES) await away.exec('ip', 'link', 'del', deviceName(family))
        await host.ready()
      })
  },
)

/** The outer packets to every peer leave by the underlay. */
async function reaches(host: Host): Promise<void> {
  for (const family of host.expected.families)
    for (const node of [2, 3, 6]) {
      const [route] = await rows(
        host.netns,
        `${IP[family].replace('ip', 'ip -j')} route get ${claimOf(family, node).underlay}`,
      )
      assert.equal(route?.dev, 'mgmt0')
    }
}

function nodad(family: Family): string {
  return family === 'ipv6' ? ' nodad' : ''
}
