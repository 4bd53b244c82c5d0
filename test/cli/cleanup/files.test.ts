/** Files are removed by known names only, so that a wrong folder on the command line costs nothing. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { type FilePlaces, planFiles, removeFiles } from '../../../lib/cli/cleanup/files.ts'
import { renderConflist } from '../../../lib/cni/conflist.ts'
import { parseSubnetEnv, subnetEnvOf } from '../../../lib/cni/subnet-env.ts'
import { kernelTests } from '../../support/netns.ts'
import { netConf, scopeOf, stateOf } from './fixture.ts'

const SCOPE = scopeOf()

function places(t: TestContext, files: Record<string, string>): { root: string; places: FilePlaces } {
  const root = mkdtempSync(path.join(tmpdir(), 'vtepd-cleanup-'))
  t.after(() => rmSync(root, { recursive: true }))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(root, name)), { recursive: true })
    writeFileSync(path.join(root, name), text)
  }
  return {
    root,
    places: {
      subnetFile: path.join(root, 'subnet.env'),
      runDir: path.join(root, 'run'),
      stateDir: path.join(root, 'state'),
      conflist: path.join(root, 'net.d', '10-flannel.conflist'),
    },
  }
}

const SUBNET_ENV = 'FLANNEL_NETWORK=10.42.0.0/16\nFLANNEL_SUBNET=10.42.1.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n'

test('subnet.env, what was kept and unfinished copies go, and then the empty folders', (t) => {
  const { root, places: where } = places(t, {
    'subnet.env': SUBNET_ENV,
    'state/flannel.1.lladdr.json': '{}',
    'state/flannel-v6.1.lladdr.json': '{}',
    'state/flannel.1.network.json': '{}',
    'state/flannel.1.underlay.json': '{}',
    'state/flannel.1.leases': '',
    'state/.flannel.1.lladdr.json.42.1.tmp': '',
  })
  mkdirSync(path.join(root, 'run'))
  const plan = planFiles(where, SCOPE)
  assert.deepEqual(plan.notes, [])
  assert.deepEqual(plan.removals.map(({ kind, subject }) => `${kind} ${path.relative(root, subject)}`).sort(), [
    'file state/.flannel.1.lladdr.json.42.1.tmp',
    'file state/flannel-v6.1.lladdr.json',
    'file state/flannel.1.leases',
    'file state/flannel.1.lladdr.json',
    'file state/flannel.1.network.json',
    'file state/flannel.1.underlay.json',
    'file subnet.env',
    'folder run',
    'folder state',
  ])
  assert.deepEqual(removeFiles(plan.removals), [])
  assert.deepEqual(readdirSync(root), [])
})

test('a conflist goes where it is asked for, and is one that vtepd writes', (t) => {
  const bridge = renderConflist('bridge', subnetEnvOf(parseSubnetEnv(SUBNET_ENV)))
  const file = 'net.d/10-flannel.conflist'
  for (const text of [renderConflist('flannel'), renderConflist('k3s'), bridge ?? '']) {
    const { root, places: where } = places(t, { 'subnet.env': SUBNET_ENV, [file]: text })
    assert.deepEqual(
      planFiles(where, SCOPE).removals.map(({ subject }) => path.relative(root, subject)),
      [file, 'subnet.env'],
    )
    assert.equal(planFiles({ ...where, conflist: undefined }, SCOPE).removals.length, 1)
  }
  const chained = places(t, { [file]: renderConflist('flannel').replace('"portmap"', '"istio-cni"') })
  assert.deepEqual(planFiles(chained.places, SCOPE).removals, [])
  assert.match(planFiles(chained.places, SCOPE).notes.join(), /10-flannel\.conflist is not as vtepd writes it/)
})

test('nothing there is nothing to do', (t) => {
  assert.deepEqual(planFiles(places(t, {}).places, SCOPE), { removals: [], stays: [], notes: [] })
})

test("other files, other devices' files and folders keep the folder, and are named", (t) => {
  const { root, places: where } = places(t, {
    'state/flannel.1.lladdr.json': '{}',
    'state/flannel.10.lladdr.json': '{}',
    'state/passwd': 'root',
    'state/flannel.1.d/x': '',
  })
  const plan = planFiles(where, SCOPE)
  assert.deepEqual(removeFiles(plan.removals), [])
  assert.deepEqual(readdirSync(path.join(root, 'state')).sort(), ['flannel.1.d', 'flannel.10.lladdr.json', 'passwd'])
  assert.match(plan.notes.join(), /state also holds .*passwd.*: the folder stays/)
})

test('a file that is no subnet.env is left alone', (t) => {
  const { root, places: where } = places(t, { 'subnet.env': '#!/bin/sh\nPATH=/bin\n' })
  const plan = planFiles(where, SCOPE)
  assert.deepEqual(plan.removals, [])
  assert.match(plan.notes[0] ?? '', /is no subnet\.env: left alone/)
  assert.ok(existsSync(path.join(root, 'subnet.env')))
})

test('a symbolic link is neither followed nor removed', (t) => {
  const { root, places: where } = places(t, { 'elsewhere/precious': 'x' })
  mkdirSync(where.stateDir)
  symlinkSync(path.join(root, 'elsewhere/precious'), path.join(where.stateDir, 'flannel.1.link'))
  assert.deepEqual(removeFiles(planFiles(where, SCOPE).removals), [])
  assert.ok(existsSync(path.join(root, 'elsewhere/precious')))
})

test("subnet.env is another VNI's where its subnet lies in that one's network, and in doubt where that cannot be told", (t) => {
  const { root, places: where } = places(t, { 'subnet.env': SUBNET_ENV })
  const file = path.join(root, 'subnet.env')
  const conf = netConf(1, '10.42.0.0/16')
  const plan = (kept: string | object, own = conf) =>
    planFiles(where, scopeOf({ asked: 1, netConf: own, state: stateOf({ 'flannel.7': kept }) }))
  assert.deepEqual(plan('10.43.0.0/16').removals, [{ kind: 'file', subject: file }])
  assert.deepEqual(plan({}).removals, [{ kind: 'file', subject: file }])
  const theirs = plan('10.42.0.0/16', netConf(1, '10.50.0.0/16'))
  assert.deepEqual([theirs.removals, theirs.notes], [[], [`${file} is of another VNI: left alone`]])
  assert.match(plan('10.42.0.0/16').stays[0]?.because ?? '', /have it in their networks/)
})

test('files of every VNI that it is about go, another one’s keep the folder', (t) => {
  const { root, places: where } = places(t, {
    'state/flannel.1.lladdr.json': '{}',
    'state/flannel-v6.4096.network.json': '{}',
    'state/flannel.7.lladdr.json': '{}',
  })
  const state = stateOf({ 'flannel.1': {}, 'flannel-v6.4096': {}, 'flannel.7': {} })
  const plan = planFiles(where, scopeOf({ state, locked: new Set(['flannel.7']) }))
  assert.deepEqual(removeFiles(plan.removals), [])
  assert.deepEqual(readdirSync(path.join(root, 'state')), ['flannel.7.lladdr.json'])
  assert.match(plan.notes.join(), /state also holds flannel\.7\.lladdr\.json/)
})

test('a folder that cannot be read stays, as far as anybody knows', (t) => {
  const { root, places: where } = places(t, { state: 'not a folder' })
  const [stays] = planFiles(where, SCOPE).stays
  assert.deepEqual([stays?.kind, stays?.subject], ['folder', path.join(root, 'state')])
  assert.match(stays?.because ?? '', /^ENOTDIR/)
})

test('a folder that is a link or a mount point stays, empty', kernelTests, (t) => {
  const { root, places: where } = places(t, { 'real/flannel.1.lladdr.json': '{}' })
  symlinkSync(path.join(root, 'real'), where.stateDir)
  mkdirSync(where.runDir)
  execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', where.runDir])
  try {
    const plan = planFiles(where, SCOPE)
    assert.deepEqual(removeFiles(plan.removals), [])
    assert.deepEqual(plan.notes, [
      `${where.runDir} is a mount point: the folder stays`,
      `${where.stateDir} is a symbolic link: the folder stays`,
    ])
  } finally {
    execFileSync('umount', [where.runDir])
  }
  assert.deepEqual(readdirSync(path.join(root, 'real')), [])
})

test('what cannot be removed is reported with its reason, what is gone already is not', (t) => {
  const { root } = places(t, { 'state/x': '' })
  assert.deepEqual(removeFiles([{ kind: 'file', subject: path.join(root, 'gone') }]), [])
  const [failure] = removeFiles([{ kind: 'folder', subject: path.join(root, 'state') }])
  assert.equal(failure?.because, 'ENOTEMPTY')
})
