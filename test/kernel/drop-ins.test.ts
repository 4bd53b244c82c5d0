/** The files of deploy/ that keep other programs off our devices, under the real programs: what happens without, and with them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { networkManagerTests, startNetworkManager } from '../support/network-manager.ts'
import { networkdTests, startNetworkd } from '../support/networkd.ts'
import { readSource } from '../support/source-files.ts'
import { startUdevd, udevdTests } from '../support/udevd.ts'
import { deviceName, type Family } from './healing/support/cluster.ts'
import { createHealthyHost, type Host } from './healing/support/host.ts'
import { underlayPrefix } from './healing/support/surroundings.ts'

/** Not ours, on our link: its connected route swallows the underlay where it comes onto our device. */
const STRANGER = 200
const OTHERS = ['eth0', 'far0', 'mgmt0', 'other0', 'foreign7']
const filesOf = (families: readonly Family[]): Readonly<Record<string, string>> => ({
  '10-others.network': `[Match]\nName=lo ${OTHERS.join(' ')}\n[Link]\nUnmanaged=yes\n`,
  '80-all.network': [
    '[Match]\nName=*\n[Network]\nLinkLocalAddressing=no',
    ...families.map((family) => `Address=${underlayPrefix(family, STRANGER)}`),
    '',
  ].join('\n'),
})
const DROP_IN = { '05-vtepd.network': readSource('deploy/05-vtepd.network').text }

const devicesOf = (host: Host): string[] => host.expected.families.map((family) => deviceName(family))
/** Announcements of an address that networkd has put on one of our devices. */
const given = (lines: readonly string[]): string[] =>
  lines.filter((line) => /^\d+: flannel/.test(line) && / inet6? /.test(line) && isStrangers(line))
const isStrangers = (line: string): boolean =>
  (['ipv4', 'ipv6'] as const).some((family) => line.includes(` ${underlayPrefix(family, STRANGER)} `))

for (const family of ['ipv4', 'ipv6'] as const)
  test(
    `${family}: a networkd whose catch-all file matches takes each new device of ours over, and the overlay heals`,
    networkdTests(),
    async (t) => {
      const host = await createHealthyHost(t, { families: [family] })
      let before = await host.events.caughtUp()
      const networkd = await startNetworkd(t, host.netns, filesOf([family]))
      const isTakenOver = async (): Promise<void> => {
        await networkd.until(deviceName(family), 'configured')
        await host.ready()
        assert.notDeepEqual(given(await host.events.since(before)), [], 'networkd has put its address on it')
      }
      await isTakenOver()
      before = await host.events.caughtUp()
      await host.ip(`link del ${deviceName(family)}`)
      await isTakenOver()
    },
  )

test(
  'with deploy/05-vtepd.network networkd leaves our devices alone, also those that are made anew',
  networkdTests(),
  async (t) => {
    const host = await createHealthyHost(t, { families: ['ipv4', 'ipv6'] })
    const before = await host.events.caughtUp()
    const networkd = await startNetworkd(t, host.netns, { ...filesOf(['ipv4', 'ipv6']), ...DROP_IN })
    for (const device of devicesOf(host)) await networkd.until(device, 'unmanaged')
    for (const device of devicesOf(host)) await host.ip(`link del ${device}`)
    await host.ready()
    for (const device of devicesOf(host)) await networkd.until(device, 'unmanaged')
    await host.right()
    assert.deepEqual(given(await host.events.since(before)), [])
  },
)

/** As a site sets all its interfaces; the MAC addresses of the probe by which udevd is known to work are left to its policy. */
const ALL_LINKS = { '50-all.link': '[Match]\nOriginalName=*\n[Link]\nMACAddressPolicy=persistent\nMTUBytes=1312\n' }

for (const withDropIn of [false, true])
  test(
    `a udevd whose catch-all file sets the MTU ${withDropIn ? 'leaves our devices alone with deploy/05-vtepd.link' : 'sets that of our devices, and the overlay heals'}`,
    udevdTests(),
    async (t) => {
      const host = await createHealthyHost(t, { families: ['ipv4', 'ipv6'] })
      const dropIn = withDropIn ? { '05-vtepd.link': readSource('deploy/05-vtepd.link').text } : {}
      await startUdevd(t, host.netns, { ...ALL_LINKS, ...dropIn })
      const before = await host.events.caughtUp()
      for (const device of devicesOf(host)) await host.ip(`link del ${device}`)
      await host.ready()
      // udevd takes them in order: once it has set this one's, it has been at ours.
      await host.ip('link add late0 type bridge')
      const lines = async (): Promise<readonly string[]> => host.events.since(before)
      while (!(await lines()).some((line) => / late0:.* mtu 1312 /.test(line)))
        await host.events.more(host.events.lines.length, 1000)
      const set = (await lines()).filter((line) => /^\d+: flannel.* mtu 1312 /.test(line))
      assert.equal(set.length > 0, !withDropIn, set.join('\n'))
      await host.ready()
      await host.right()
    },
  )

test(
  'with deploy/networkmanager.conf NetworkManager manages none of our devices, and refuses to',
  networkManagerTests(),
  async (t) => {
    const host = await createHealthyHost(t, { families: ['ipv4', 'ipv6'] })
    const before = await host.events.caughtUp()
    const files = { 'vtepd.conf': readSource('deploy/networkmanager.conf').text }
    const manager = await startNetworkManager(t, host.netns, [...OTHERS, ...devicesOf(host)], {
      unmanaged: OTHERS,
      files,
    })
    for (const device of devicesOf(host)) {
      assert.equal((await manager.nmcli('-g', 'GENERAL.STATE', 'device', 'show', device)).trim(), '10 (unmanaged)')
      await assert.rejects(manager.nmcli('device', 'disconnect', device), /not active|unmanaged/)
    }
    await host.right()
    assert.deepEqual(
      (await host.events.since(before)).filter((line) => line.startsWith('Deleted') && line.includes('flannel')),
      [],
    )
  },
)
