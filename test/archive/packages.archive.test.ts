/** Installation, upgrade, removal and purge by dpkg and rpm, with packets under way. */
import assert from 'node:assert/strict'
import { appendFileSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { createPair, startProbe, tunnelled } from '../kernel/backends/support/pair.ts'
import { type LinedProcess, startLined } from '../support/lined-process.ts'
import { testsOf } from './support/bare-root.ts'
import { createPackageRoot, type PackageRoot } from './support/package-root.ts'

const NEXT = '999.0.0'
const IPV4 = ['ipv4'] as const

test(
  'dpkg: an agent outlives the upgrade, restarts as the new version, and its overlay outlives the removal: no packet is lost',
  testsOf('x64'),
  async (t) => {
    const root = createPackageRoot(t)
    const [old, next] = root.debs
    await root.chroot('dpkg', '-i', old)
    assert.match(await root.chroot('vtepd', '--version'), /linux-x64, deb in \/usr\/lib\/vtepd\n$/)
    appendFileSync(root.at('etc/vtepd/vtepd.env'), 'FLANNELD_IFACE=mgmt0\n')

    const pair = await createPair(t, { families: IPV4, backend: { Type: 'vxlan' } })
    const { a } = pair
    a.agent.kill('SIGTERM')
    await a.agent.ended
    const launch = (): LinedProcess => {
      const files = [`--net-config-path=${a.folder}/net-conf.json`, `--leases=${a.folder}/leases.json`]
      const kept = [`--subnet-file=${a.folder}/subnet.env`, '--state-dir=/var/lib/vtepd', '--firewall=none']
      const flags = ['run', ...files, ...kept, '--iface=mgmt0', '--healthz-port=0', '--log-format=json']
      const command = root.inside(a.folder, ['/usr/bin/vtepd', ...flags])
      return startLined(t, a.netns, command, { from: 'stderr', env: { NODE_NAME: 'node1' } })
    }
    const first = launch()
    await first.line(/"event":"agent\.ready"/)
    const flow = await startProbe(t, pair, 'ipv4')

    await root.chroot('dpkg', '-i', next)
    assert.match(await root.chroot('vtepd', '--version'), new RegExp(`^vtepd ${NEXT}\n`))
    assert.match(readFileSync(root.at('etc/vtepd/vtepd.env'), 'utf8'), /FLANNELD_IFACE=mgmt0\n$/)
    const seen = first.lines.length
    rmSync(`${a.folder}/subnet.env`)
    await first.find('repair', (lines) => lines.slice(seen).find((line) => line.includes('"cni.subnet-env"')))
    await first.end('SIGTERM')
    const second = launch()
    assert.match(await second.line(/"event":"run\.start"/), new RegExp(`vtepd ${NEXT} starts`))
    await second.line(/"event":"agent\.ready"/)
    await second.end('SIGTERM')

    const removed = await root.chroot('dpkg', '-r', 'vtepd')
    assert.match(removed, /the overlay stays in the kernel/)
    assert.deepEqual(
      [root.has('usr/lib/vtepd'), root.has('usr/bin/vtepd'), root.has('etc/vtepd/vtepd.env')],
      [false, false, true],
    )
    await a.shows(tunnelled(IPV4, 2))
    const { sent, lost } = await flow.finish()
    assert.ok(sent > 0)
    assert.equal(lost, 0)

    assert.equal(root.has('var/lib/vtepd'), true)
    await root.chroot('dpkg', '-P', 'vtepd')
    assert.deepEqual(leftOf(root), [])
  },
)

test(
  'the settings are readable by root alone, and nothing but they is a configuration file',
  testsOf('x64'),
  async (t) => {
    const root = createPackageRoot(t)
    await root.chroot('dpkg', '-i', root.debs[0])
    assert.equal(statSync(root.at('etc/vtepd/vtepd.env')).mode & 0o777, 0o640)
    assert.equal(readFileSync(root.at('var/lib/dpkg/info/vtepd.conffiles'), 'utf8'), '/etc/vtepd/vtepd.env\n')
    const unit = readFileSync(root.at('usr/lib/systemd/system/vtepd.service'), 'utf8')
    assert.match(unit, /^ExecStart=\/usr\/bin\/vtepd run /m)
  },
)

for (const kind of ['deb', 'rpm'] as const)
  test(
    `${kind}: systemd is told to restart a running agent, never to start one, and to stop it before it goes`,
    testsOf('x64'),
    async (t) => {
      const root = createPackageRoot(t)
      const told = root.bootSystemd()
      const [old, next] = kind === 'deb' ? root.debs : root.rpms
      const install = (file: string) =>
        kind === 'deb' ? root.chroot('dpkg', '-i', file) : root.rpm('--upgrade', '--nodeps', '--nosignature', file)
      await install(old)
      assert.deepEqual(told(), ['daemon-reload', 'try-restart vtepd.service'])
      await install(next)
      assert.deepEqual(told(), ['daemon-reload', 'try-restart vtepd.service'])
      assert.match(
        await root.chroot('vtepd', '--version'),
        new RegExp(`^vtepd ${NEXT}\n.* ${kind} in /usr/lib/vtepd\n$`),
      )
      await (kind === 'deb' ? root.chroot('dpkg', '-r', 'vtepd') : root.rpm('--erase', 'vtepd'))
      assert.deepEqual(told(), ['disable --now vtepd.service', 'daemon-reload'])
      assert.equal(root.has('usr/bin/vtepd'), false)
    },
  )

test('rpm: an upgrade keeps settings that were changed, and the removal says what stays', testsOf('x64'), async (t) => {
  const root = createPackageRoot(t)
  const [old, next] = root.rpms
  await root.rpm('--install', '--nodeps', '--nosignature', old)
  assert.match(await root.rpm('--query', '--requires', 'vtepd'), /^glibc >= 2\.28$/m)
  writeFileSync(root.at('etc/vtepd/vtepd.env'), 'FLANNELD_IFACE=mgmt0\n')
  mkdirSync(root.at('var/lib/vtepd'), { recursive: true })
  await root.rpm('--upgrade', '--nodeps', '--nosignature', next)
  assert.equal(readFileSync(root.at('etc/vtepd/vtepd.env'), 'utf8'), 'FLANNELD_IFACE=mgmt0\n')
  assert.match(await root.rpm('--erase', 'vtepd'), /the overlay stays in the kernel/)
  assert.deepEqual(leftOf(root), ['etc/vtepd', 'var/lib/vtepd'], 'settings as vtepd.env.rpmsave, and the state')
})

function leftOf(root: PackageRoot): string[] {
  const places = [
    'usr/bin/vtepd',
    'usr/lib/vtepd',
    'usr/share/vtepd',
    'usr/share/doc/vtepd',
    'etc/vtepd',
    'var/lib/vtepd',
  ]
  return places.filter((place) => root.has(place)).map((place) => path.normalize(place))
}
