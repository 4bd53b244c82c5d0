// npm run test:archive: builds the archives and tries them in root file systems that hold a C library from Debian packages and
// nothing else: test/archive, in namespaces of its own. Everything is fetched and built before, since there is no network in there.
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { buildArchive } from './release/archive.mjs'
import { unpackedSet } from './release/debian-tools.mjs'
import { ARCHITECTURES } from './release/shipped.mjs'

const HELP = `npm run test:archive -- [--arch x64|arm64] [--archives FOLDER] [FILE...]

Builds the archives (both by default) and runs them in root file systems without Node.js, shell or any library but glibc: x64 as
an agent of the lab, arm64 under qemu-user. --archives: those of FOLDER, as npm run release made them, are tried instead. FILE: of test/archive, all by default. Needs what npm run build:archive needs.
`
const root = path.resolve(import.meta.dirname, '..')
const { values, positionals } = parseArgs({
  options: { arch: { type: 'string', multiple: true }, archives: { type: 'string' }, help: { type: 'boolean' } },
  allowPositionals: true,
})
if (values.help) process.stdout.write(HELP)
else process.exitCode = await prepareAndRun(values.arch ?? ARCHITECTURES, positionals)

async function prepareAndRun(architectures, files) {
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-archive-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  const env = { ...process.env, VTEPD_ARCHIVE_TESTS: architectures.join(' '), VTEPD_ARCHIVE_ROOTS: folder }
  for (const arch of architectures) {
    const archive = values.archives === undefined ? await build(arch) : archiveIn(values.archives, arch)
    await makeRoot(path.join(folder, arch), archive, arch)
    env[`VTEPD_ARCHIVE_${arch}`] = archive
  }
  if (architectures.includes('arm64'))
    env.VTEPD_QEMU_ARM64 = path.join(await unpackedSet('qemu-user-x64'), 'usr/bin/qemu-aarch64')
  const wanted = files.length > 0 ? files : testFiles()
  const { status } = spawnSync(process.execPath, ['scripts/test.mjs', ...wanted], { cwd: root, stdio: 'inherit', env })
  return status ?? 1
}

function build(arch) {
  const log = (line) => process.stderr.write(`archive: ${arch}: ${line}\n`)
  return buildArchive({ root, arch, out: path.join(root, 'out'), log })
}

function archiveIn(folder, arch) {
  const names = readdirSync(folder).filter(
    (name) => name.startsWith('vtepd-') && name.endsWith(`-linux-${arch}.tar.xz`),
  )
  if (names.length !== 1) throw new Error(`${folder} holds ${names.length} archives for ${arch}`)
  return path.resolve(folder, names[0])
}

// In a folder with spaces, behind a link in the search path.
async function makeRoot(folder, archive, arch) {
  cpSync(await unpackedSet(`glibc-${arch}`), folder, { recursive: true, verbatimSymlinks: true })
  const place = 'opt/a folder/vtepd'
  for (const name of ['proc', 'run/vtepd-lab', 'usr/local/bin', place])
    mkdirSync(path.join(folder, name), { recursive: true })
  execFileSync('tar', ['-xJf', archive, '-C', path.join(folder, place), '--strip-components=1', '--no-same-owner'])
  symlinkSync(`/${place}/bin/vtepd`, path.join(folder, 'usr/local/bin/vtepd'))
}

function testFiles() {
  const names = readdirSync(path.join(root, 'test/archive'))
  return names.filter((name) => name.endsWith('.archive.test.ts')).map((name) => `test/archive/${name}`)
}
