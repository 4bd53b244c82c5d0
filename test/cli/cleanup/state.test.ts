/** What the state folder tells a cleanup, also where it is damaged. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { readState } from '../../../lib/cli/cleanup/state.ts'

function folderOf(t: TestContext, files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-state-'))
  t.after(() => rmSync(folder, { recursive: true }))
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text)
  return folder
}

test('each device that has a file is known, with its MAC address and network where they were kept', async (t) => {
  const folder = folderOf(t, {
    'flannel.1.lladdr.json': '{"version":1,"lladdr":"0e:00:00:00:00:01"}\n',
    'flannel.1.network.json': '{"version":1,"network":"10.42.0.0/16"}\n',
    'flannel-v6.1.network.json': '{"version":1,"network":"fd42::/48"}\n',
    'flannel.7.leases': '',
    '.flannel.8.lladdr.json.42.1.tmp': '{"vers',
    passwd: 'root',
  })
  const { devices, unreadable, notes } = await readState(folder)
  assert.deepEqual(
    [...devices].sort(([a], [b]) => a.localeCompare(b)),
    [
      ['flannel-v6.1', { lladdr: undefined, network: 'fd42::/48' }],
      ['flannel.1', { lladdr: '0e:00:00:00:00:01', network: '10.42.0.0/16' }],
      ['flannel.7', { lladdr: undefined, network: undefined }],
      ['flannel.8', { lladdr: undefined, network: undefined }],
    ],
  )
  assert.deepEqual([unreadable, notes], [undefined, []])
})

test('a file that cannot be used is named and tells only that the device was here', async (t) => {
  const bad = {
    'flannel.1.network.json': '',
    'flannel.2.network.json': '{"version":2,"network":"10.42.0.0/16"}',
    'flannel.3.network.json': '{"version":1,"network":"fd42::/48"}',
    'flannel.4.network.json': '{"version":1,"network":"10.42.0.0"}',
    'flannel.5.lladdr.json': '{"version":1}',
    'flannel.6.network.json': `{"version":1,"network":"10.42.0.0/16"}${' '.repeat(5000)}`,
    'flannel.7.network.json': 'null',
  }
  const { devices, notes } = await readState(folderOf(t, bad))
  assert.deepEqual(
    [...devices.keys()].sort(),
    [1, 2, 3, 4, 5, 6, 7].map((vni) => `flannel.${vni}`),
  )
  for (const kept of devices.values()) assert.deepEqual(kept, { lladdr: undefined, network: undefined })
  assert.equal(notes.length, Object.keys(bad).length)
  assert.match(notes.join('\n'), /flannel\.3\.network\.json cannot be used: fd42::\/48 is of the other family/)
})

test('links and folders tell nothing, nor does a folder that is not there', async (t) => {
  const folder = folderOf(t, { elsewhere: '{"version":1,"network":"10.42.0.0/16"}' })
  symlinkSync(path.join(folder, 'elsewhere'), path.join(folder, 'flannel.1.network.json'))
  mkdirSync(path.join(folder, 'flannel.2.d'))
  assert.equal((await readState(folder)).devices.size, 0)
  const gone = await readState(path.join(folder, 'gone'))
  assert.deepEqual([gone.devices.size, gone.unreadable, gone.notes], [0, undefined, []])
})

test('a folder that cannot be read is not an empty one', async (t) => {
  const folder = folderOf(t, {})
  const loop = path.join(folder, 'loop')
  symlinkSync(loop, loop)
  const { devices, unreadable, notes } = await readState(loop)
  assert.equal(devices.size, 0)
  assert.match(unreadable ?? '', /^ELOOP/)
  assert.match(notes.join(), /loop is not known: ELOOP/)
})
