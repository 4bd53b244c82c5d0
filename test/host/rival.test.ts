import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { findRival, type RivalPlaces } from '../../lib/host/rival.ts'

/** A /proc with these processes; `self` is in the namespace net:[1]. */
function fakeProc(t: TestContext, processes: readonly { pid: number; name: string; net: number }[]): RivalPlaces {
  const proc = mkdtempSync(path.join(tmpdir(), 'vtepd-proc-'))
  t.after(() => rmSync(proc, { recursive: true }))
  const add = (entry: string, name: string, net: number): void => {
    mkdirSync(path.join(proc, entry, 'ns'), { recursive: true })
    writeFileSync(path.join(proc, entry, 'comm'), `${name}\n`)
    symlinkSync(`net:[${net}]`, path.join(proc, entry, 'ns/net'))
  }
  add('self', 'node', 1)
  for (const { pid, name, net } of processes) add(String(pid), name, net)
  return { proc, k3sNetConf: path.join(proc, 'net-conf.json') }
}

test('a flanneld of this network namespace is named', async (t) => {
  const places = fakeProc(t, [
    { pid: 7, name: 'bash', net: 1 },
    { pid: 812, name: 'flanneld', net: 1 },
  ])
  assert.equal(await findRival(places), 'flanneld (process 812)')
})

test('a flanneld of another network namespace is nobody’s rival', async (t) => {
  assert.equal(await findRival(fakeProc(t, [{ pid: 812, name: 'flanneld', net: 2 }])), undefined)
})

test('a k3s is a rival only when it has written its net-conf.json itself', async (t) => {
  const places = fakeProc(t, [{ pid: 9, name: 'k3s-server', net: 1 }])
  assert.equal(await findRival(places), undefined)
  writeFileSync(places.k3sNetConf, '{}')
  assert.equal(await findRival(places), 'the flannel inside k3s-server (process 9)')
  utimesSync(places.k3sNetConf, 1, 1)
  assert.equal(await findRival(places), undefined, 'left behind by an older k3s')
})

test('a machine without /proc has no rivals to see', async () => {
  assert.equal(await findRival({ proc: '/nonexistent', k3sNetConf: '/nonexistent' }), undefined)
})
