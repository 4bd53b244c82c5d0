// npm run build:packages: the Debian and the RPM package, of the tree that the archive has, by one description (packaging/nfpm.yaml).
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { cacheFolder } from './cache.mjs'
import { ARCHITECTURES, OLDEST_GLIBC } from './shipped.mjs'
import { sourceDate } from './source-date.mjs'
import { makeTree, packageJson, unitFor } from './tree.mjs'

/** Newer ones need modules that the proxy may refuse. */
const NFPM = 'v2.43.4'
/** Debian's words; nfpm knows those of RPM. */
const DEBIAN = { x64: 'amd64', arm64: 'arm64' }
const KINDS = ['deb', 'rpm']

/**
 * Makes the packages of `arch` in `out`, of each of `versions`; returns their paths. `quick`: hardly compressed, for tests.
 */
export async function buildPackages({ root, arch, out, versions, quick = false, log }) {
  mkdirSync(out, { recursive: true })
  const nfpm = ensureNfpm(log)
  const work = mkdtempSync(path.join(out, '.packages-'))
  try {
    const tree = path.join(work, 'tree')
    await makeTree({ root, arch, folder: tree, installedAs: 'deb', log })
    writeFileSync(path.join(work, 'vtepd.service'), unitFor(root, '/usr/bin/vtepd'))
    writeFileSync(path.join(work, 'nfpm.yaml'), description(root, quick))
    const each = versions.flatMap((version) => KINDS.map((kind) => ({ version, kind })))
    return each.map(({ version, kind }) => {
      log(`the ${kind} package of ${version}`)
      writeFileSync(path.join(tree, 'lib/vtepd/package.json'), packageJson(root, kind, version))
      return pack({ root, nfpm, kind, arch, out, work, tree, version })
    })
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

function description(root, quick) {
  const text = readFileSync(path.join(root, 'packaging/nfpm.yaml'), 'utf8')
  if (!quick) return text
  return text
    .replace(/^deb:\n(?: .*\n)* *compression: /m, '$&none #')
    .replace(/^rpm:\n(?: .*\n)* *compression: /m, '$&gzip:1 #')
}

function pack({ root, nfpm, kind, arch, out, work, tree, version }) {
  const env = {
    ...process.env,
    ARCH: DEBIAN[arch],
    VERSION: version,
    TREE: tree,
    UNIT: path.join(work, 'vtepd.service'),
    GLIBC: OLDEST_GLIBC,
    SOURCE_DATE_EPOCH: String(sourceDate(root)),
  }
  const words = ['package', '--config', path.join(work, 'nfpm.yaml'), '--packager', kind, '--target', `${work}/`]
  const { status, stdout: said } = spawnSync(nfpm, words, {
    cwd: root,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 2],
  })
  const made = /created package: (.*)/.exec(said)?.[1]
  if (status !== 0 || made === undefined) throw new Error(`nfpm made no package: ${said}`)
  const file = path.join(out, path.basename(made))
  execFileSync('mv', [made, file])
  return file
}

function ensureNfpm(log) {
  const folder = cacheFolder(`nfpm-${NFPM}`)
  const file = path.join(folder, 'nfpm')
  if (existsSync(file)) return file
  log(`building nfpm ${NFPM}`)
  try {
    const env = { ...process.env, GOBIN: folder, GOFLAGS: '-mod=mod', CGO_ENABLED: '0' }
    const module = `github.com/goreleaser/nfpm/v2/cmd/nfpm@${NFPM}`
    execFileSync('go', ['install', '-trimpath', module], { cwd: folder, env, stdio: ['ignore', 2, 2] })
  } catch (error) {
    const remedy = error.code === 'ENOENT' ? 'Go is missing (1.24 or newer)' : 'what go said stands above'
    throw new Error(`nfpm cannot be built: ${remedy}`, { cause: error })
  }
  return file
}

const HELP = `npm run build:packages -- [--arch x64|arm64] [--version VERSION] [--out FOLDER]

Makes the Debian and the RPM package in out/, for both architectures by default. --version: as if package.json said that, for a test
of upgrades. Needs what npm run build:archive needs, and Go for nfpm, once.
`

async function main() {
  const options = { arch: { type: 'string', multiple: true }, version: { type: 'string' }, out: { type: 'string' } }
  const { values } = parseArgs({ options: { ...options, help: { type: 'boolean' } } })
  if (values.help) return process.stdout.write(HELP)
  const root = path.resolve(import.meta.dirname, '../..')
  const version = values.version ?? JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')).version
  const out = path.resolve(values.out ?? path.join(root, 'out'))
  for (const arch of values.arch ?? ARCHITECTURES) {
    const log = (line) => process.stderr.write(`packages: ${arch}: ${line}\n`)
    for (const file of await buildPackages({ root, arch, out, versions: [version], log }))
      process.stdout.write(`${path.relative('', file)}  ${(statSync(file).size / 1e6).toFixed(1)} MB\n`)
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  try {
    await main()
  } catch (error) {
    process.stderr.write(`packages: ${error.message}\n`)
    process.exitCode = 1
  }
