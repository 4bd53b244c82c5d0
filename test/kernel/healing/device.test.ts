/**
 * Damage to the device and its tables while the underlay is well: after each of them everything is right again, read by
 * iproute2, and what was not damaged has not been touched.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { kernelTests } from '../../support/netns.ts'
import { deviceName, type Family } from './support/cluster.ts'
import type { Damage } from './support/damage.ts'
import { DEVICE_DAMAGES } from './support/device-damages.ts'
import { createHealthyHost, type Host } from './support/host.ts'
import { marksOfOthers, TABLE_DAMAGES } from './support/table-damages.ts'

/** Which family is damaged; tables do not depend on pinning, and in dual stack the other family is watched. */
const CONFIGURATIONS = [
  { families: ['ipv4'], damaged: 'ipv4', pinned: false, damages: [...DEVICE_DAMAGES, ...TABLE_DAMAGES] },
  { families: ['ipv4', 'ipv6'], damaged: 'ipv6', pinned: false, damages: [...DEVICE_DAMAGES, ...TABLE_DAMAGES] },
  { families: ['ipv4', 'ipv6'], damaged: 'ipv4', pinned: true, damages: DEVICE_DAMAGES },
  { families: ['ipv6'], damaged: 'ipv6', pinned: true, damages: DEVICE_DAMAGES },
] as const

for (const { families, damaged, pinned, damages } of CONFIGURATIONS) {
  const title = `${families.join(' and ')}, ${pinned ? 'pinned' : 'unpinned'}`
  test(`${title}: the agent heals every damage to ${deviceName(damaged)} and its tables`, kernelTests, async (t) => {
    const host = await createHealthyHost(t, { families, pinned })
    for (const damage of damages) {
      if (pinned && damage.pinned === false) continue
      await t.test(`${deviceName(damaged)} ${damage.name}`, (inner) => heals(host, damaged, damage, inner))
    }
  })
}

async function heals(host: Host, family: Family, damage: Damage, t: Parameters<Damage['apply']>[2]): Promise<void> {
  const seen = await host.events.caughtUp()
  await damage.apply(host, family, t)
  await host.ready()
  const heard = (await host.events.since(seen)).filter((line) => !isKernelsOwn(line))
  assert.ok(heard.length > 0 || damage.name.includes('advertisements'), 'the damage was heard')
  for (const other of host.expected.families) {
    const mayNot = other !== family ? [deviceName(other)] : damage.extent === 'one' ? marksOfOthers(host, family) : []
    const touched = heard.filter((line) => mayNot.some((mark) => line.includes(mark)))
    assert.deepEqual(touched, [], 'what was not damaged was not touched')
  }
}

/** Link-local addresses pass duplicate address detection seconds after their link came up. */
function isKernelsOwn(line: string): boolean {
  return line.includes('fe80:')
}
