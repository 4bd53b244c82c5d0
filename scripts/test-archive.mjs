// npm run test:archive: builds the archives and tries them in root file systems that hold a C library from Debian packages and
// nothing else, and the packages in roots of Debian's with dpkg and rpm: test/archive, in namespaces of its own. Everything is fetched
// and built before, since there is no network in there.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { buildArchive } from './release/archive.mjs'
import { unpackedSet } from './release/debian-tools.mjs'
import { ARCHITECTURES } from './release/shipped.mjs'
import { makeBareRoot, preparePackages } from './test-archive-roots.mjs'

const HELP = `npm run test:archive -- [--arch x64|arm64] [--archives FOLDER] [--packages] [FILE...]

Builds the archives (both by default) and runs them in root file systems without Node.js, shell or any library but glibc: x64 as
an agent of the lab, arm64 under qemu-user.
  --archives FOLDER   those of this folder are tried, as npm run release made them
  --packages          the Debian and the RPM package are installed, upgraded and removed too (x64), under traffic
  FILE                of test/archive, all by default
Needs what npm run build:archive needs; for packages Go.
`
const root = path.resolve(import.meta.dirname, '..')
const { values, positionals } = parseArgs({
  options: {
    arch: { type: 'string', multiple: true },
    archives: { type: 'string' },
    packages: { type: 'boolean' },
    help: { type: 'boolean' },
  },
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
    await makeBareRoot(path.join(folder, arch), archive, arch)
    env[`VTEPD_ARCHIVE_${arch}`] = archive
  }
  if (architectures.includes('arm64'))
    env.VTEPD_QEMU_ARM64 = path.join(await unpackedSet('qemu-user-x64'), 'usr/bin/qemu-aarch64')
  if (values.packages) Object.assign(env, await preparePackages(root, folder))
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

function testFiles() {
  const names = ['archive', ...(values.packages ? ['packages'] : [])]
  return names.map((name) => `test/archive/${name}.archive.test.ts`)
}
