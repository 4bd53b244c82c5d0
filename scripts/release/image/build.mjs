// npm run build:image: the OCI image, without a daemon and without a registry. See --help.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { nodeVersion } from '../node-binaries.mjs'
import { ARCHITECTURES, SHIPPED_NODE } from '../shipped.mjs'
import { sourceDate } from '../source-date.mjs'
import { makeBaseTree } from './base-tree.mjs'
import { openLayout } from './layout.mjs'
import { copyAsVersion, makeProgramTrees } from './program-trees.mjs'

const root = path.resolve(import.meta.dirname, '../../..')
const PLATFORMS = {
  x64: { architecture: 'amd64', os: 'linux' },
  arm64: { architecture: 'arm64', os: 'linux', variant: 'v8' },
}
const HELP = `npm run build:image [-- --arch x64] [--arch arm64] [--repository NAME] [--version VERSION] [--out FOLDER]

Makes out/vtepd-VERSION-linux-ARCH.oci.tar for each architecture, by default this machine's, and of several also
out/vtepd-VERSION-linux.oci.tar, one image of all. Loaded by ctr images import, podman load, skopeo; by docker load if it is of one
architecture. The same sources make the same bytes.

  --arch ARCH         x64 or arm64; may be repeated
  --repository NAME   what it is called once it is loaded (default localhost/vtepd); its tag is the version
  --version VERSION   what vtepd says it is (default: that of package.json); may be repeated, for as many images
  --out FOLDER        where the files go (default: out)

Needs an x64 Debian or Ubuntu with tar, gzip and python3-pip; downloads are kept in \${XDG_CACHE_HOME:-~/.cache}/vtepd-release.
`

process.umask(0o022)
const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))
try {
  await main()
} catch (error) {
  process.stderr.write(`build:image: ${error.message}\n`)
  process.exitCode = 1
}

async function main() {
  const { values } = parseArgs({
    options: {
      arch: { type: 'string', multiple: true, default: [process.arch] },
      repository: { type: 'string', default: 'localhost/vtepd' },
      version: { type: 'string', multiple: true, default: [manifest.version] },
      out: { type: 'string', default: path.join(root, 'out') },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return void process.stdout.write(HELP)
  const arches = [...new Set(values.arch)]
  for (const arch of arches)
    if (!ARCHITECTURES.includes(arch)) throw new Error(`--arch is '${arch}': ${ARCHITECTURES.join(' or ')}`)
  mkdirSync(values.out, { recursive: true })
  const epoch = sourceDate(root)
  const layout = openLayout(values.out)
  try {
    const images = []
    for (const arch of arches) images.push(...(await makeImages(layout, arch, values.version, epoch)))
    for (const one of images) write(layout, values, one.version, `-${one.arch}`, [one.image])
    if (arches.length > 1)
      for (const version of values.version)
        write(
          layout,
          values,
          version,
          '',
          images.filter((one) => one.version === version).map((one) => one.image),
        )
  } finally {
    layout.close()
  }
}

/** Resolves with one a version, `{ arch, version, image }`. */
async function makeImages(layout, arch, versions, epoch) {
  const log = (line) => say(`${arch}: ${line}`)
  const folder = path.join(layout.work, arch)
  const tree = (name) => path.join(folder, name)
  const packages = await makeBaseTree(arch, tree('debian'), log)
  await makeProgramTrees({ root, arch, folder, log })
  const pack = async (name, createdBy, date) => {
    log(`packing ${name}`)
    return { ...(await layout.addLayer(tree(name), date)), createdBy }
  }
  // What is others' has one date for ever, so that these layers are the same in the next version.
  const below = [
    await pack('debian', `Debian: ${packages.map((one) => `${one.name} ${one.version}`).join(', ')}`, 0),
    await pack('node', `Node ${nodeVersion(SHIPPED_NODE)} and its libraries`, 0),
  ]
  const images = []
  for (const version of versions) {
    copyAsVersion(tree('vtepd'), version, tree(`vtepd-${version}`))
    const layers = [...below, await pack(`vtepd-${version}`, `vtepd ${version}`, epoch)]
    images.push({ arch, version, image: addImage(layout, arch, version, epoch, layers) })
  }
  return images
}

function addImage(layout, arch, version, epoch, layers) {
  const created = new Date(epoch * 1000).toISOString().replace('.000', '')
  const config = {
    User: '0:0',
    Env: ['PATH=/usr/sbin:/usr/bin'],
    Entrypoint: ['/usr/bin/vtepd'],
    Cmd: ['run'],
    WorkingDir: '/',
    Labels: labels(version, created),
  }
  return layout.addImage({ platform: PLATFORMS[arch], created, config, layers })
}

function labels(version, created) {
  const values = {
    created,
    description: manifest.description,
    licenses: manifest.license,
    revision: git('rev-parse', 'HEAD'),
    title: manifest.name,
    version,
  }
  return Object.fromEntries(
    Object.entries(values)
      .filter(([, value]) => value !== '')
      .map(([key, value]) => [`org.opencontainers.image.${key}`, value]),
  )
}

function write(layout, { out, repository }, version, end, images) {
  const file = path.join(out, `vtepd-${version}-linux${end}.oci.tar`)
  layout.write(file, `${repository}:${version}`, images)
  say(`${file}: ${(statSync(file).size / 1e6).toFixed(1)} MB, ${repository}:${version}`)
}

/** Empty outside of a checkout. */
function git(...words) {
  try {
    return execFileSync('git', words, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return ''
  }
}

function say(line) {
  process.stderr.write(`${line}\n`)
}
