/** The archive where nothing else is: a root file system of Debian's oldest C library that can be had, and no other file. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import type { LabReport } from '../../lib/lab/report.ts'
import { assertAway, runLab } from '../lab/support.ts'
import { bareRoot, inRoot, prepared, programIn, testsOf, vtepdIn } from './support/bare-root.ts'

const run = promisify(execFile)
const MOST_BYTES = 40e6
const { version } = JSON.parse(readFileSync(path.resolve(import.meta.dirname, '../../package.json'), 'utf8')) as {
  version: string
}

test('the root has no Node, no shell, no compiler, no /tmp: a C library and the archive', testsOf('x64'), () => {
  const root = bareRoot('x64')
  const outside = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.startsWith(path.join(root, 'opt')))
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)))
  const libraries = /^(usr\/)?lib(64)?\/.*(\.so(\.\d+)*|\/gconv-modules(\.\w+)?)$/
  const foreign = outside.filter((file) => !libraries.test(file) && !/^(usr\/share|etc\/ld\.so\.conf\.d)\//.test(file))
  assert.deepEqual(foreign, [])
  assert.ok(outside.every((file) => !/libstdc|libgcc_s|libatomic/.test(file)))
})

for (const arch of ['x64', 'arm64'] as const)
  test(`the ${arch} archive is small, of root and one time, in one folder of its name`, testsOf(arch), async () => {
    const archive = prepared(`VTEPD_ARCHIVE_${arch}`)
    assert.ok(statSync(archive).size <= MOST_BYTES)
    const { stdout } = await run('tar', ['--numeric-owner', '--full-time', '-tvJf', archive], { maxBuffer: 1 << 26 })
    const rows = stdout
      .trim()
      .split('\n')
      .map((row) => row.split(/\s+/))
    assert.deepEqual(new Set(rows.map(([, owner]) => owner)), new Set(['0/0']))
    assert.equal(new Set(rows.map(([, , , date, time]) => `${date} ${time}`)).size, 1)
    assert.ok(rows.every(([mode = '']) => /^([d-])rwxr-xr-x$|^-rw-r--r--$/.test(mode)))
    assert.ok(rows.every((row) => row[5]?.startsWith(`vtepd-${version}-linux-${arch}/`)))
  })

test(
  'it runs from a read-only root, a folder with spaces, through a link, and says where it is',
  testsOf('x64'),
  async () => {
    const root = bareRoot('x64')
    const said = await vtepdIn(root, ['--version'])
    assert.match(
      said,
      new RegExp(
        `^vtepd ${version}\nNode\\.js \\d+\\.\\d+\\.\\d+, linux-x64, archive in /opt/a folder/vtepd/lib/vtepd\n$`,
      ),
    )
    assert.match(await vtepdIn(root, ['--help']), /^vtepd keeps /)
    assert.match(await vtepdIn(root, ['run', '--help']), /--iface/)
  },
)

test('it says what is wrong where there is no glibc, and where a part of it is missing', testsOf('x64'), async (t) => {
  const root = mkdtempSync(path.join(tmpdir(), 'vtepd-no-glibc-'))
  t.after(() => rmSync(root, { recursive: true }))
  cpSync(path.join(bareRoot('x64'), 'opt'), path.join(root, 'opt'), { recursive: true })
  mkdirSync(path.join(root, 'proc'))
  const [program, ...words] = inRoot(root, ['/opt/a folder/vtepd/bin/vtepd', '--help'])
  const told = async () => String(await run(program, words).catch((error: { stderr: string }) => error.stderr))
  assert.match(await told(), /^vtepd: cannot start .*\/lib\/vtepd\/node: this system has no glibc .*2\.28/)
  rmSync(path.join(root, 'opt/a folder/vtepd/lib/vtepd/node'))
  assert.match(await told(), /it is missing: unpack the archive anew/)
})

test('the lab heals with agents that run from that root', testsOf('x64'), async (t) => {
  const words = ['--agent', programIn(t, bareRoot('x64')), '--nodes=3', '--unannounced=0', '--repeats=1', '--json']
  const { status, stdout, stderr } = await runLab(t, words)
  assert.equal(status, 0, stderr)
  const report = JSON.parse(stdout) as LabReport
  assertAway(report)
  assert.deepEqual(
    report.scenarios.map(({ name, recovered, matrix }) => [name, recovered, matrix.reached]),
    ['issue-2433', 'device-deleted', 'neighbours-flushed', 'mac-changed', 'api-server-away', 'one-way'].map((name) => [
      name,
      true,
      6,
    ]),
  )
})

/**
 * `$1` is qemu, the rest the command. The kernel hands programs for arm64 to qemu, in this user namespace only (Linux 6.7 and
 * newer); qemu is opened here, so that the root need not hold it.
 */
const WITH_QEMU = String.raw`qemu=$1; shift
mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
magic='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
printf '%s' ":vtepd-arm64:M::$magic:$mask:$qemu:F" > /proc/sys/fs/binfmt_misc/register
exec "$@"`

test(
  'on arm64, under qemu-user, it starts, tells its version, and its addon reads the links',
  testsOf('arm64'),
  async () => {
    const around = ['unshare', '-Urm', '--', 'sh', '-e', '-c', WITH_QEMU, 'sh', prepared('VTEPD_QEMU_ARM64')]
    const root = bareRoot('arm64')
    assert.match(await vtepdIn(root, ['--version'], around), /linux-arm64, archive in \/opt\/a folder\/vtepd/)
    assert.match(await vtepdIn(root, ['run', '--help'], around), /--iface/)
    assert.equal(await vtepdIn(root, ['cleanup', '--dry-run'], around), 'nothing of vtepd is here\n')
  },
)
