/** What `vtepd cni` finds lacking, on hosts made of a folder. */
import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { findPlaces, hostOf } from '../../../lib/cli/cni/places.ts'
import { planCni } from '../../../lib/cli/cni/plan.ts'
import { type ConflistKind, PLUGINS, renderConflist } from '../../../lib/cni/conflist.ts'
import { listFolder } from '../../../lib/host/files.ts'

const NO_FLAGS = { 'cni-conf-dir': '', 'bin-dir': '', 'link-from': '', 'copy-from': '' }
const K3S = 'var/lib/rancher/k3s'

const SUBNET_ENV =
  'FLANNEL_NETWORK=10.42.0.0/16\nFLANNEL_SUBNET=10.42.1.1/24\nFLANNEL_IPV6_NETWORK=fd00:42::/48\nFLANNEL_IPV6_SUBNET=fd00:42:0:1::1/64\nFLANNEL_MTU=1430\nFLANNEL_IPMASQ=true\n'

/** With the subnet.env of a node of both families. */
function createRoot(t: TestContext) {
  const root = mkdtempSync(path.join(tmpdir(), 'vtepd-cni-'))
  t.after(() => rmSync(root, { recursive: true }))
  const at = (name: string): string => path.join(root, name)
  const put = (name: string, text: string, mode = 0o644): void => {
    mkdirSync(path.dirname(at(name)), { recursive: true })
    writeFileSync(at(name), text)
    chmodSync(at(name), mode)
  }
  const putPlugins = (folder: string, names: readonly string[]): void => {
    for (const name of names) put(`${folder}/${name}`, '', 0o755)
  }
  const plan = async (
    kind: ConflistKind,
    host: 'kubernetes' | 'k3s' = 'kubernetes',
    flags: Partial<typeof NO_FLAGS> = {},
  ) =>
    await planCni({
      kind,
      places: await findPlaces({ ...NO_FLAGS, ...flags }, host, root),
      confName: '10-flannel.conflist',
      subnetFile: at('run/flannel/subnet.env'),
      pluginsOnly: false,
    })
  put('run/flannel/subnet.env', SUBNET_ENV)
  return { root, at, put, putPlugins, plan }
}

test('with its plugins there a host lacks the conflist, and then nothing', async (t) => {
  for (const kind of ['flannel', 'k3s'] as const) {
    const { at, put, putPlugins, plan } = createRoot(t)
    putPlugins('opt/cni/bin', PLUGINS[kind])
    const file = at('etc/cni/net.d/10-flannel.conflist')
    const text = renderConflist(kind)
    assert.deepEqual(await plan(kind), { steps: [{ kind: 'file', path: file, text }], faults: [], notes: [] })
    put('etc/cni/net.d/10-flannel.conflist', text)
    assert.deepEqual(await plan(kind), { steps: [], faults: [], notes: [] })
  }
})

test('the bridge form comes from subnet.env, and without it says so', async (t) => {
  const { put, putPlugins, plan } = createRoot(t)
  putPlugins('opt/cni/bin', PLUGINS.bridge)
  for (const text of ['', 'FLANNEL_MTU=1450\n', 'FLANNEL_NETWORK=10.42.0.0/16\nFLANNEL_SUBNET=10.42.1.1/24\n']) {
    put('run/flannel/subnet.env', text)
    const { steps, faults } = await plan('bridge')
    assert.deepEqual(steps, [])
    assert.match(faults.join(), /subnet\.env does not say this node's subnet.*start vtepd first/)
    assert.match((await plan('flannel')).notes.join(), /does not say this node's subnet yet/)
  }
  put('run/flannel/subnet.env', SUBNET_ENV)
  const { steps, faults } = await plan('bridge')
  assert.deepEqual(faults, [])
  const [step] = steps
  assert.ok(step?.kind === 'file')
  const [bridge] = JSON.parse(step.text).plugins
  assert.equal(bridge.mtu, 1430)
  assert.equal(bridge.ipMasq, false)
  assert.deepEqual(bridge.ipam.ranges, [[{ subnet: '10.42.1.0/24' }], [{ subnet: 'fd00:42:0:1::/64' }]])
})

test('a plugin that is missing, no program, or a link to nowhere is linked from where it is, else named with its package', async (t) => {
  const { at, put, putPlugins, plan } = createRoot(t)
  putPlugins('opt/cni/bin', ['flannel', 'bridge'])
  put('opt/cni/bin/portmap', 'no program', 0o644)
  symlinkSync('/nowhere', at('opt/cni/bin/loopback'))
  putPlugins('usr/lib/cni', ['bridge', 'portmap', 'loopback'])
  const { steps, faults } = await plan('flannel', 'kubernetes', { 'link-from': at('usr/lib/cni') })
  assert.deepEqual(
    steps.filter(({ kind }) => kind === 'link'),
    ['portmap', 'loopback'].map((name) => ({
      kind: 'link',
      path: at(`opt/cni/bin/${name}`),
      target: at(`usr/lib/cni/${name}`),
    })),
  )
  assert.equal(faults.length, 1)
  assert.match(
    faults[0] ?? '',
    /^the plugin host-local is missing in .*, nor is it in .*: Debian has it in containernetworking-plugins/,
  )
  const { faults: without } = await createRoot(t).plan('flannel')
  assert.match(without[0] ?? '', /^the plugin flannel is missing in \S+: it is in the image flannel-cni-plugin/)
})

test('on a k3s host the plugins are its own, from the folder that stays through upgrades, or an older one', async (t) => {
  for (const folder of ['data/cni', 'data/current/bin']) {
    const { root, at, putPlugins, plan } = createRoot(t)
    assert.equal(await hostOf(listFolder, root), 'kubernetes')
    putPlugins(`${K3S}/${folder}`, PLUGINS.k3s)
    assert.equal(await hostOf(listFolder, root), 'k3s')
    const { steps, faults } = await plan('k3s', 'k3s')
    assert.deepEqual(faults, [])
    assert.deepEqual(
      steps.flatMap((step) => (step.kind === 'link' ? [step.target] : [])),
      PLUGINS.k3s.map((name) => at(`${K3S}/${folder}/${name}`)),
    )
  }
})

test("containerd's own settings say where it looks; those of a k3s with flannel are noted, as they will go", async (t) => {
  const { put, plan, at } = createRoot(t)
  put(
    'etc/containerd/config.toml',
    `version = 3\n[plugins.'io.containerd.cri.v1.runtime'.cni]\n  bin_dirs = ['${at('custom/bin')}']\n  conf_dir = "${at('custom/net.d')}"\n`,
  )
  const { steps, faults, notes } = await plan('flannel')
  assert.deepEqual(
    steps.map((step) => step.path),
    [at('custom/net.d/10-flannel.conflist')],
  )
  assert.match(faults[0] ?? '', /is missing in .*custom\/bin/)
  assert.deepEqual(notes, [])
  put(
    `${K3S}/agent/etc/containerd/config.toml`,
    `  conf_dir = "/${K3S}/agent/etc/cni/net.d"\n  bin_dir = "/${K3S}/data/cni"\n`,
  )
  const k3s = await plan('k3s', 'k3s')
  assert.equal(k3s.steps.at(-1)?.path, at('etc/cni/net.d/10-flannel.conflist'))
  assert.match(
    k3s.notes.join(),
    /k3s runs with its own flannel, and reads the place above once it is started with --flannel-backend=none/,
  )
})

test("another CNI's file that comes first is noted", async (t) => {
  const { put, plan } = createRoot(t)
  put('etc/cni/net.d/05-cilium.conflist', '{}')
  const { notes } = await plan('flannel')
  assert.match(notes.join(), /^05-cilium\.conflist in .* comes before 10-flannel\.conflist/)
})
