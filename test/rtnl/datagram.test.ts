/** sendDatagram of the addon, to real receivers. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { loadAddon } from '../../lib/addon/addon.ts'
import { receiveDatagrams, withoutPython } from '../support/datagram-receiver.ts'

const { sendDatagram } = loadAddon()
const python = { skip: withoutPython() }
const EAGAIN = 11

function folder(t: TestContext): string {
  const made = mkdtempSync(path.join(tmpdir(), 'vtepd-datagram-'))
  t.after(() => rmSync(made, { recursive: true }))
  return made
}

for (const [what, nameOf] of [
  ['a name of the file system', (t: TestContext) => path.join(folder(t), 'notify')],
  ['a name as long as one can be', (t: TestContext) => path.join(folder(t), 'n').padEnd(107, 'n')],
  ['an abstract name', () => `@vtepd-test-${process.pid}`],
] as const)
  test(`a datagram goes to ${what}, from this process`, python, async (t) => {
    const name = nameOf(t)
    const receiver = await receiveDatagrams(t, name)
    assert.equal(sendDatagram(name, 'READY=1\nSTATUS=bereit: 3 Knoten, äöü').errno, 0)
    assert.deepEqual(await receiver.next(), { pid: process.pid, text: 'READY=1\nSTATUS=bereit: 3 Knoten, äöü' })
  })

test('a receiver that does not receive is no reason to wait', python, async (t) => {
  const name = path.join(folder(t), 'notify')
  await receiveDatagrams(t, name, { deaf: true })
  let errno = 0
  for (let n = 0; n < 10_000 && errno === 0; n += 1) errno = sendDatagram(name, 'x'.repeat(1000)).errno
  assert.equal(errno, EAGAIN)
})

test('what cannot be sent is an errno', (t) => {
  const errnos = [path.join(folder(t), 'none'), `@vtepd-none-${process.pid}`, '', '/', '@', `/${'n'.repeat(108)}`].map(
    (name) => sendDatagram(name, 'x').errno,
  )
  assert.deepEqual(errnos, [2, 111, 22, 111, 22, 36])
})
