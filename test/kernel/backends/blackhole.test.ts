/** `--ip-blackhole-route` on the real kernel: kept like every route of ours, and gone when nobody asks for it any more. */
import assert from 'node:assert/strict'
import { renameSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { kernelTests } from '../../support/netns.ts'
import { createPair, direct, leasesOf, tunnelled } from './support/pair.ts'

const BOTH = ['ipv4', 'ipv6'] as const
const FLAGS = ['--ip-blackhole-route']
const blackholes = (number: number): readonly string[] => [
  `route blackhole 10.42.${number}.0/24`,
  `route blackhole fd00:42:0:${number}::/64`,
]

for (const [backend, lines] of [
  [{ Type: 'vxlan' }, tunnelled],
  [{ Type: 'host-gw' }, direct],
] as const)
  test(
    `${backend.Type}: a blackhole route of our subnet stands behind the pods' own, and is back by event`,
    kernelTests,
    async (t) => {
      const pair = await createPair(t, { families: BOTH, backend, flags: FLAGS })
      const { netns } = pair.a
      const right = [...lines(BOTH, 2), ...blackholes(1)]
      await pair.a.shows(right)
      const [way] = JSON.parse(await netns.exec('ip', '-j', 'route', 'get', '10.42.1.9')) as { dev: string }[]
      assert.equal(way?.dev, 'cni0', 'pods are reached all the same')
      await netns.exec('ip', 'link', 'del', 'cni0')
      await assert.rejects(netns.exec('ip', 'route', 'get', '10.42.1.9'), 'without a bridge it goes nowhere')
      await pair.a.shows(right)
      for (let again = 0; again < 2; again += 1) {
        await netns.exec('ip', 'route', 'del', 'blackhole', '10.42.1.0/24', 'proto', '118')
        await netns.exec('ip', '-6', 'route', 'del', 'blackhole', 'fd00:42:0:1::/64', 'proto', '118')
        await pair.a.shows(right)
      }
      const written = pair.a.agent.lines.filter(({ event }) => event === 'peers.applied').length
      await netns.exec('ip', 'route', 'add', '10.42.1.77/32', 'dev', 'mgmt0')
      await pair.a.restart(...FLAGS)
      await pair.a.agent.until('agent.ready')
      await pair.a.shows(right)
      assert.ok(written > 0)
      assert.deepEqual(
        pair.a.agent.lines.filter(({ event }) => event === 'peers.applied' || event === 'peers.shadowed'),
        [],
        "a restart finds it right, and routes of pods are nobody's rivals",
      )
      await pair.a.restart()
      await pair.a.shows(lines(BOTH, 2))
    },
  )

test('another subnet takes its blackhole route along', kernelTests, async (t) => {
  const pair = await createPair(t, { families: BOTH, backend: { Type: 'vxlan' }, flags: FLAGS })
  await pair.a.shows([...tunnelled(BOTH, 2), ...blackholes(1)])
  const file = `${pair.a.folder}/leases.json`
  writeFileSync(
    `${file}.new`,
    leasesOf(BOTH).replaceAll('10.42.1.0', '10.42.7.0').replaceAll('fd00:42:0:1:', 'fd00:42:0:7:'),
  )
  renameSync(`${file}.new`, file)
  await pair.a.shows([...tunnelled(BOTH, 2), ...blackholes(7)])
})
