/** Sysctl keys are paths, and a key that is missing or refused is a result. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { InvariantError } from '../../lib/errors.ts'
import { createSysctl } from '../../lib/host/sysctl.ts'

const KEY = 'net/ipv6/conf/flannel.1/accept_ra'

function folder(t: TestContext): string {
  const root = mkdtempSync(path.join(tmpdir(), 'vtepd-sysctl-'))
  t.after(() => rmSync(root, { recursive: true }))
  mkdirSync(path.join(root, path.dirname(KEY)), { recursive: true })
  writeFileSync(path.join(root, KEY), '1\n')
  return root
}

test('a value is read without its line feed and written as it is', async (t) => {
  const root = folder(t)
  const sysctl = createSysctl(root)
  assert.equal(await sysctl.read(KEY), '1')
  assert.deepEqual(await sysctl.write(KEY, '0'), { written: true })
  assert.match(readFileSync(path.join(root, KEY), 'utf8'), /^0/)
})

test('a missing key reads as undefined and is not created by a write', async (t) => {
  const sysctl = createSysctl(folder(t))
  const gone = 'net/ipv6/conf/flannel.1/gone'
  assert.equal(await sysctl.read(gone), undefined)
  assert.deepEqual(await sysctl.write(gone, '0'), { written: false, errno: 'ENOENT' })
  assert.equal(await sysctl.read(gone), undefined)
})

test('a refused write says why', async () => {
  const result = await createSysctl().write('kernel/ostype', 'x')
  assert.ok(!result.written)
  assert.match(result.errno, /^(EACCES|EPERM|EROFS)$/)
})

test('a key that is no path under the root is a bug, reported as one', async () => {
  for (const key of ['net.ipv4.ip_forward', '../etc/passwd', 'net/../../x', '/net/x', 'net//x', ''])
    await assert.rejects(createSysctl('/nowhere').read(key), InvariantError, key)
})

test("the real kernel's keys are read", async () => {
  assert.match((await createSysctl().read('kernel/ostype')) ?? '', /^Linux$/)
})
