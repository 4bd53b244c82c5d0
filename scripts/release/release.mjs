// npm run release: everything of one version in out/release, and how it is published, which this does not do. See --help.
import { execFileSync, spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { buildArchive } from './archive.mjs'
import { sha256Of } from './cache.mjs'
import { changelogSection } from './changelog.mjs'
import { buildPackages } from './packages.mjs'
import { releaseNotices } from './release-notices.mjs'
import { packRtnl } from './rtnl-package.mjs'
import { makeSbom } from './sbom.mjs'
import { checkSbom } from './sbom-check.mjs'
import { ARCHITECTURES } from './shipped.mjs'

const HELP = `npm run release -- [--dry-run] [--arch x64|arm64] [--json]

Makes out/release: the npm packages with prebuilt addons (vtepd; @vtepd/rtnl and its addons), for each architecture (both by default) archive, Debian and RPM package,
image, SBOM and notices, the Helm chart, RELEASE-NOTES.txt of the CHANGELOG, SHA256SUMS. The version is package.json's. Publishes
nothing: it ends with the commands that do.

  --dry-run   also from a tree with changes, and of a version that CHANGELOG.md calls unreleased; prebuilt addons that are
              newer than their sources are taken as they are
  --json      version, files with sizes and sums as one JSON document on standard output

Needs an x64 Debian or Ubuntu with git, tar, xz and python3-pip, Go 1.26 or newer, and npm's packages (npm ci); what it downloads is
kept in \${XDG_CACHE_HOME:-~/.cache}/vtepd-release, so that a second run needs no network.
`
const root = path.resolve(import.meta.dirname, '../..')
const out = path.join(root, 'out/release')
const began = Date.now()

try {
  const { values } = parseArgs({
    options: {
      'dry-run': { type: 'boolean', default: false },
      arch: { type: 'string', multiple: true, default: ARCHITECTURES },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean' },
    },
  })
  if (values.help) process.stdout.write(HELP)
  else await release(values)
} catch (error) {
  process.stderr.write(`release: ${error.message}\n`)
  process.exitCode = 1
}

async function release({ 'dry-run': dryRun, arch: architectures, json }) {
  const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))
  const notes = requireReady(version, dryRun)
  rmSync(out, { recursive: true, force: true })
  mkdirSync(out, { recursive: true })
  writeFileSync(path.join(out, 'RELEASE-NOTES.txt'), notes)

  say('the library and the command')
  node('scripts/build.mjs')
  say('the addon for every kind of machine')
  node('scripts/release/prebuilds.mjs', ...(dryRun ? ['--missing'] : []))
  say('the npm packages')
  execFileSync('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', out], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  })
  await packRtnl({ root, out })
  say('the Helm chart')
  node('scripts/release/chart.mjs')
  take(path.join(root, 'out'), `vtepd-chart-${version}.tgz`)
  for (const arch of architectures) await makeFor(arch, version)
  say('the images')
  const chosen = architectures.flatMap((arch) => ['--arch', arch])
  node('scripts/release/image/build.mjs', ...chosen, '--out', out)

  const files = await sum()
  if (json) process.stdout.write(`${JSON.stringify({ version, dryRun, files }, null, 2)}\n`)
  else process.stdout.write(report(version, files))
}

async function makeFor(arch, version) {
  const log = (line) => say(`${arch}: ${line}`)
  log('the archive')
  await buildArchive({ root, arch, out, log })
  log('the packages')
  await buildPackages({ root, arch, out, versions: [version], log })
  log('bill of materials and notices')
  const sbom = makeSbom(root, arch)
  checkSbom(sbom)
  const name = `vtepd-${version}-linux-${arch}`
  writeFileSync(path.join(out, `${name}.cdx.json`), `${JSON.stringify(sbom, null, 2)}\n`)
  writeFileSync(path.join(out, `${name}.notices.txt`), await releaseNotices(root, arch))
}

/** What keeps a version from being released; returns its notes. */
function requireReady(version, dryRun) {
  const { text, date } = changelogSection(readFileSync(path.join(root, 'CHANGELOG.md'), 'utf8'), version)
  const chart = readFileSync(path.join(root, 'deploy/Chart.yaml'), 'utf8')
  for (const key of ['version', 'appVersion'])
    if (!new RegExp(`^${key}: "?${version}"?$`, 'm').test(chart))
      throw new Error(`deploy/Chart.yaml has another ${key} than package.json, ${version}`)
  if (dryRun) return text
  if (date === undefined || date === 'unreleased')
    throw new Error(`CHANGELOG.md gives ${version} no date: write '## ${version} – YYYY-MM-DD', or try with --dry-run`)
  const changes = execFileSync('git', ['status', '--porcelain'], { cwd: root, encoding: 'utf8' })
  if (changes !== '') throw new Error(`the tree has changes: commit them, or try with --dry-run\n${changes}`)
  return text
}

/** SHA256SUMS, and what stands in it. */
async function sum() {
  const names = readdirSync(out).sort()
  const files = []
  for (const name of names)
    files.push({ name, bytes: statSync(path.join(out, name)).size, sha256: await sha256Of(path.join(out, name)) })
  writeFileSync(path.join(out, 'SHA256SUMS'), files.map(({ name, sha256 }) => `${sha256}  ${name}\n`).join(''))
  return files
}

function report(version, files) {
  const names = files.map(({ name }) => name)
  const widest = Math.max(...names.map((name) => name.length))
  // Of several architectures there is one image of all beside each one's.
  const image = names.find((name) => name.endsWith('-linux.oci.tar')) ?? names.find((name) => name.endsWith('.oci.tar'))
  const addons = names.filter((name) => name.startsWith('vtepd-rtnl-linux-'))
  const rows = files.map(({ name, bytes }) => `  ${name.padEnd(widest)}  ${(bytes / 1e6).toFixed(1).padStart(6)} MB`)
  return `vtepd ${version} is in ${path.relative('', out) || '.'}:

${rows.join('\n')}

Nothing is published. That is done, from that folder, by

  git tag v${version} && git push origin v${version}
  npm publish vtepd-${version}.tgz
  for file in ${addons.join(' ')} vtepd-rtnl-${version}.tgz; do npm publish --access public $file; done
  skopeo copy --all oci-archive:${image} docker://REGISTRY/vtepd:${version}
  helm push vtepd-chart-${version}.tgz oci://REGISTRY/charts

and by putting the other files, SHA256SUMS and RELEASE-NOTES.txt where releases are downloaded.
`
}

function take(folder, name) {
  const made = path.join(folder, name)
  if (!existsSync(made)) throw new Error(`${made} was not made`)
  copyFileSync(made, path.join(out, name))
  rmSync(made)
}

function node(...words) {
  const { status } = spawnSync(process.execPath, words, { cwd: root, stdio: ['ignore', 2, 2] })
  if (status !== 0) throw new Error(`${words[0]} failed; the reason stands above`)
}

function say(line) {
  process.stderr.write(`release: ${String(Math.round((Date.now() - began) / 1000)).padStart(4)} s  ${line}\n`)
}
