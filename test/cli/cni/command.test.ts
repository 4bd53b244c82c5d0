/** `vtepd cni` as it is typed, on folders of the test's own. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { PLUGINS, renderConflist } from '../../../lib/cni/conflist.ts'
import { ENTRY } from '../../support/agent-process.ts'

function createFolders(t: TestContext) {
  const root = mkdtempSync(path.join(tmpdir(), 'vtepd-cni-'))
  t.after(() => rmSync(root, { recursive: true }))
  const from = path.join(root, 'lib')
  mkdirSync(from)
  for (const name of PLUGINS.k3s) writeFileSync(path.join(from, name), '', { mode: 0o755 })
  const flags = [
    `--cni-conf-dir=${root}/net.d`,
    `--bin-dir=${root}/bin`,
    `--subnet-file=${root}/subnet.env`,
    '--paths=kubernetes',
  ]
  const cni = (...argv: string[]) => {
    const ran = spawnSync(process.execPath, [ENTRY, 'cni', ...argv, ...flags], { encoding: 'utf8' })
    return { status: ran.status, text: ran.stdout, error: ran.stderr }
  }
  return { root, from, cni, file: path.join(root, 'net.d/10-flannel.conflist') }
}

test('install puts everything in place once; check looks before and after, and writes nothing', (t) => {
  const { root, from, cni, file } = createFolders(t)
  const link = `--link-from=${from}`
  const before = cni('check', link)
  assert.equal(before.status, 1)
  assert.match(before.text, /^would write \S+10-flannel\.conflist$/m)
  assert.match(before.text, /^would link \S+bin\/flannel -> \S+lib\/flannel$/m)
  assert.equal(cni('install', '--dry-run', link).status, 0)
  assert.deepEqual(readdirSync(root), ['lib'])

  const installed = cni('install', link)
  assert.equal(installed.status, 0, installed.text)
  assert.equal(readFileSync(file, 'utf8'), renderConflist('flannel'))
  assert.equal(statSync(file).mode & 0o777, 0o644)
  assert.equal(readlinkSync(path.join(root, 'bin/host-local')), path.join(from, 'host-local'))
  assert.deepEqual(readdirSync(path.join(root, 'bin')).sort(), [...PLUGINS.flannel].sort())

  const written = statSync(file).ino
  for (const verb of ['install', 'check']) {
    const again = cni(verb)
    assert.equal(again.status, 0)
    assert.match(again.text, /^flannel on kubernetes: \S+, \S+\n(?:note: .*\n)*all is in place\n$/)
  }
  assert.equal(statSync(file).ino, written)
})

test('in a container plugins are copied to the host, without a conflist, and what stands there is left alone', (t) => {
  const { root, from, cni } = createFolders(t)
  const bin = path.join(root, 'bin')
  mkdirSync(bin)
  writeFileSync(path.join(bin, 'bridge'), 'own', { mode: 0o755 })
  writeFileSync(path.join(bin, 'portmap'), 'no program', { mode: 0o644 })
  // As on a host of k3s: a link that leads out of what the container sees.
  symlinkSync('/nowhere/host-local', path.join(bin, 'host-local'))
  const words = ['--cni=bridge', '--plugins-only', `--copy-from=${from}`]
  assert.equal(cni('check', ...words).status, 1)
  const ran = cni('install', ...words)
  assert.equal(ran.status, 0, ran.text)
  assert.match(ran.text, /^copied \S+bin\/loopback from \S+lib\/loopback$/m)
  assert.equal(readFileSync(path.join(bin, 'bridge'), 'utf8'), 'own')
  assert.equal(readlinkSync(path.join(bin, 'host-local')), '/nowhere/host-local')
  for (const name of ['loopback', 'portmap'])
    assert.equal(lstatSync(path.join(bin, name)).mode, 0o100755, `${name} is a program of its own`)
  assert.deepEqual(readdirSync(root).sort(), ['bin', 'lib'])
  assert.equal(cni('check', ...words).status, 0)
  const flannel = cni('install', '--cni=flannel', '--plugins-only', `--copy-from=${root}`)
  assert.equal(flannel.status, 1)
  assert.match(flannel.text, /the plugin flannel is missing/)
})

test('what is missing is named, and the rest is done all the same, status 1; --json has the same keys always', (t) => {
  const { cni, file } = createFolders(t)
  const ran = cni('install', '--cni=k3s', '--json')
  assert.equal(ran.status, 1)
  const report = JSON.parse(ran.text)
  assert.deepEqual(Object.keys(report), ['dryRun', 'host', 'cni', 'confDir', 'binDir', 'steps', 'faults', 'notes'])
  assert.deepEqual(report.steps, [{ kind: 'file', path: file, target: null }])
  assert.equal(report.faults.length, PLUGINS.k3s.length)
  assert.equal(readFileSync(file, 'utf8'), renderConflist('k3s'))
})

test('a folder that cannot be written is named, status 1', (t) => {
  const { root, from, cni } = createFolders(t)
  writeFileSync(path.join(root, 'net.d'), 'a file')
  const ran = cni('install', `--link-from=${from}`)
  assert.equal(ran.status, 1)
  assert.match(ran.text, /^missing: \S+10-flannel\.conflist is not as it was written: E/m)
})

test('wrong flags and words are status 2', (t) => {
  const { cni } = createFolders(t)
  for (const [argv, says] of [
    [['remove'], /argument 'remove': give install or check/],
    [[], /give install or check/],
    [['check', '--cni=calico'], /--cni: 'calico' is unknown; give one of flannel, k3s, bridge/],
    [['check', '--cni-conf-name=../x.conflist'], /--cni-conf-name: /],
    [['check', '--cni-conf-name=x.conf'], /--cni-conf-name: /],
  ] as const) {
    const { status, error } = cni(...argv)
    assert.equal(status, 2)
    assert.match(error, says)
  }
})
