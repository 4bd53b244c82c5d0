/** Files are removed by known names only, so that a wrong folder on the command line costs nothing. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { type FilePlaces, planFiles, removeFiles } from '../../lib/cli/cleanup-files.ts'

const DEVICES = ['flannel.1', 'flannel-v6.1']

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
    },
  }
}

test('subnet.env, the saved MAC address and unfinished copies go, and then the empty folders', (t) => {
  const { root, places: where } = places(t, {
    'subnet.env': 'FLANNEL_NETWORK=10.42.0.0/16\nFLANNEL_SUBNET=10.42.1.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n',
    'state/flannel.1.lladdr.json': '{}',
    'state/flannel-v6.1.lladdr.json': '{}',
    'state/.flannel.1.lladdr.json.42.1.tmp': '',
  })
  mkdirSync(path.join(root, 'run'))
  const plan = planFiles(where, DEVICES)
  assert.deepEqual(plan.notes, [])
  assert.deepEqual(plan.removals.map(({ kind, subject }) => `${kind} ${path.relative(root, subject)}`).sort(), [
    'file state/.flannel.1.lladdr.json.42.1.tmp',
    'file state/flannel-v6.1.lladdr.json',
    'file state/flannel.1.lladdr.json',
    'file subnet.env',
    'folder run',
    'folder state',
  ])
  assert.deepEqual(removeFiles(plan.removals), [])
  assert.deepEqual(readdirSync(root), [])
})

test('nothing there is nothing to do', (t) => {
  assert.deepEqual(planFiles(places(t, {}).places, DEVICES), { removals: [], notes: [] })
})

test("other files, other devices' files and folders keep the folder, and are named", (t) => {
  const { root, places: where } = places(t, {
    'state/flannel.1.lladdr.json': '{}',
    'state/flannel.10.lladdr.json': '{}',
    'state/passwd': 'root',
    'state/flannel.1.d/x': '',
  })
  const plan = planFiles(where, DEVICES)
  assert.deepEqual(removeFiles(plan.removals), [])
  assert.deepEqual(readdirSync(path.join(root, 'state')).sort(), ['flannel.1.d', 'flannel.10.lladdr.json', 'passwd'])
  assert.match(plan.notes.join(), /state also holds .*passwd.*: the folder stays/)
})

test('a file that is no subnet.env is left alone', (t) => {
  const { root, places: where } = places(t, { 'subnet.env': '#!/bin/sh\nPATH=/bin\n' })
  const plan = planFiles(where, DEVICES)
  assert.deepEqual(plan.removals, [])
  assert.match(plan.notes[0] ?? '', /is no subnet\.env: left alone/)
  assert.ok(existsSync(path.join(root, 'subnet.env')))
})

test('a symbolic link is neither followed nor removed', (t) => {
  const { root, places: where } = places(t, { 'elsewhere/precious': 'x' })
  mkdirSync(where.stateDir)
  symlinkSync(path.join(root, 'elsewhere/precious'), path.join(where.stateDir, 'flannel.1.link'))
  assert.deepEqual(removeFiles(planFiles(where, DEVICES).removals), [])
  assert.ok(existsSync(path.join(root, 'elsewhere/precious')))
})

test('what cannot be removed is reported with its reason, what is gone already is not', (t) => {
  const { root } = places(t, { 'state/x': '' })
  assert.deepEqual(removeFiles([{ kind: 'file', subject: path.join(root, 'gone') }]), [])
  const [failure] = removeFiles([{ kind: 'folder', subject: path.join(root, 'state') }])
  assert.equal(failure?.because, 'ENOTEMPTY')
})
