/** The file contexts for hosts that enforce SELinux: what semodule installs can be made of them. Must not: load a policy. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { runProgram } from '../../lib/host/exec.ts'

const FOLDER = path.resolve(import.meta.dirname, '../../packaging/selinux')
const hasTools = (await runProgram('checkmodule', ['-V'])).outcome !== 'missing'
const skip = hasTools ? false : 'missing: checkmodule, semodule_package (Debian packages checkpolicy, semodule-utils)'
const [te, fc] = ['vtepd.te', 'vtepd.fc'].map((name) => readFileSync(path.join(FOLDER, name), 'utf8')) as [
  string,
  string,
]
const contexts = fc
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => line.split(/\s+/))

/** As the system does: of those that match, the one that stands last. */
const typeOf = (file: string): string | undefined =>
  contexts
    .findLast(([pattern]) => new RegExp(`^${pattern}$`).test(file))
    ?.at(-1)
    ?.split(':')[2]

test('the module is made of them', { skip }, async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-selinux-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const at = (name: string): string => path.join(folder, name)
  const made = await runProgram('checkmodule', ['-M', '-m', '-o', at('vtepd.mod'), path.join(FOLDER, 'vtepd.te')])
  assert.ok(made.outcome === 'exited' && made.status === 0, JSON.stringify(made))
  const words = ['-o', at('vtepd.pp'), '-m', at('vtepd.mod'), '-f', path.join(FOLDER, 'vtepd.fc')]
  const packed = await runProgram('semodule_package', words)
  assert.ok(packed.outcome === 'exited' && packed.status === 0, JSON.stringify(packed))
  assert.ok(statSync(at('vtepd.pp')).size > fc.length)
})

test('each type that is given to a file is one that the module asks the policy for, and no other is asked for', () => {
  const given = new Set(contexts.map((fields) => /^system_u:object_r:(\w+):s0$/.exec(fields.at(-1) ?? '')?.[1]))
  const required = new Set([...te.matchAll(/^\ttype (\w+);$/gm)].map(([, type]) => type))
  assert.deepEqual(given, required)
})

test('programs may be executed, the addon is a library, wherever vtepd is installed', () => {
  for (const home of ['/opt/vtepd', '/opt/vtepd-0.1.0-linux-x64', '/usr']) {
    assert.equal(typeOf(`${home}/lib/vtepd/node`), 'bin_t', home)
    assert.equal(typeOf(`${home}/lib/vtepd/libstdc++.so.6`), 'lib_t', home)
    assert.equal(typeOf(`${home}/lib/vtepd/prebuilds/linux-x64-glibc/vtepd_native.node`), 'lib_t', home)
  }
  assert.equal(typeOf('/opt/vtepd/bin/vtepd'), 'bin_t')
  assert.equal(typeOf('/usr/local/lib/node_modules/vtepd/dist/bin/vtepd.js'), 'bin_t')
  assert.equal(typeOf('/usr/lib/node_modules/vtepd/build/Release/vtepd_native.node'), 'lib_t')
  assert.equal(typeOf('/var/lib/vtepd/flannel.1.leases'), 'var_lib_t')
  assert.equal(typeOf('/etc/cni/net.d/10-flannel.conflist'), 'etc_t')
  assert.equal(typeOf('/opt/cni/bin/bridge'), 'bin_t')
})
