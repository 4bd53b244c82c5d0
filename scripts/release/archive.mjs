// npm run build:archive: vtepd-VERSION-linux-ARCH.tar.xz, the tree of scripts/release/tree.mjs in one folder of that name. The
// same bytes from the same sources: sorted, of root, with the time of the commit (or SOURCE_DATE_EPOCH).
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { ARCHITECTURES } from './shipped.mjs'
import { sourceDate } from './source-date.mjs'
import { makeTree } from './tree.mjs'

// 6 needs 9 MB of memory to unpack, where 9 needs 65 for one percent less. Blocks, so that both cores can work; of a fixed size,
// so that their number changes nothing.
const XZ = ['-6', '--threads=2', '--block-size=48MiB']

/** Makes the archive of `arch` in `out`; returns its path. */
export async function buildArchive({ root, arch, out, log }) {
  const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))
  const name = `vtepd-${version}-linux-${arch}`
  mkdirSync(out, { recursive: true })
  const work = mkdtempSync(path.join(out, '.archive-'))
  try {
    await makeTree({ root, arch, folder: path.join(work, name), installedAs: 'archive', log })
    log('compressing')
    const file = path.join(out, `${name}.tar.xz`)
    packFolder({ parent: work, name, file: path.join(work, 'archive'), date: sourceDate(root) })
    renameSync(path.join(work, 'archive'), file)
    return file
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** `file` becomes a tar.xz of the folder `name` in `parent`. */
function packFolder({ parent, name, file, date }) {
  const owner = ['--owner=root:0', '--group=root:0', '--numeric-owner']
  const words = ['--sort=name', '--format=gnu', `--mtime=@${date}`, ...owner, '-C', parent, '-cf', `${file}.tar`, name]
  execFileSync('tar', words, { stdio: ['ignore', 2, 2] })
  execFileSync('xz', [...XZ, '--suffix=.xz', `${file}.tar`], { stdio: ['ignore', 2, 2] })
  renameSync(`${file}.tar.xz`, file)
}

async function main() {
  const { values } = parseArgs({
    options: { arch: { type: 'string', multiple: true }, out: { type: 'string' }, help: { type: 'boolean' } },
  })
  if (values.help) return process.stdout.write(HELP)
  const root = path.resolve(import.meta.dirname, '../..')
  for (const arch of values.arch ?? ARCHITECTURES) {
    const log = (line) => process.stderr.write(`archive: ${arch}: ${line}\n`)
    const file = await buildArchive({ root, arch, out: path.resolve(values.out ?? path.join(root, 'out')), log })
    process.stdout.write(`${path.relative('', file)}  ${(statSync(file).size / 1e6).toFixed(1)} MB\n`)
  }
}

const HELP = `npm run build:archive -- [--arch x64|arm64] [--out FOLDER]

Makes vtepd-VERSION-linux-ARCH.tar.xz in out/ (both architectures by default): vtepd with Node.js, to be unpacked anywhere on a
Linux with glibc 2.28 or newer. Needs an x64 Debian or Ubuntu with tar, xz and python3-pip; downloads are kept in
\${XDG_CACHE_HOME:-~/.cache}/vtepd-release.
`

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  try {
    await main()
  } catch (error) {
    process.stderr.write(`archive: ${error.message}\n`)
    process.exitCode = 1
  }
