// The bill of materials of one architecture (CycloneDX 1.6): vtepd and every package whose code is in its archive, packages and
// image. Made of what the build itself went by: the notices of the bundle, the pins of Node and Debian, zig. The same sources make
// the same bytes. Must not: fetch or look anything up.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { nodeVersion } from './node-binaries.mjs'
import { SHIPPED_NODE } from './shipped.mjs'
import { sourceDate } from './source-date.mjs'
import { ZIG_VERSION } from './zig.mjs'

const DEBIAN_ARCHITECTURES = { x64: 'amd64', arm64: 'arm64' }
const GCC = 'GPL-3.0-or-later WITH GCC-exception-3.1'

/** The document as an object. Needs dist/. */
export function makeSbom(root, arch) {
  const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))
  const components = [
    ...bundled(readFileSync(path.join(root, 'dist/THIRD-PARTY-NOTICES.txt'), 'utf8')),
    node(arch),
    ...['libc++', 'libc++abi', 'compiler_rt'].map((name) =>
      fromZig(name, 'Apache-2.0 WITH LLVM-exception', 'the addon'),
    ),
    fromZig('musl', 'MIT', 'the launcher'),
    ...debian(root, arch),
  ].sort((a, b) => (a['bom-ref'] < b['bom-ref'] ? -1 : 1))
  const own = {
    type: 'application',
    'bom-ref': `pkg:npm/vtepd@${manifest.version}`,
    name: manifest.name,
    version: manifest.version,
    description: manifest.description,
    licenses: [{ expression: manifest.license }],
    purl: `pkg:npm/vtepd@${manifest.version}`,
    properties: [{ name: 'vtepd:architecture', value: arch }],
  }
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${uuidOf(JSON.stringify([own, components]))}`,
    version: 1,
    metadata: { timestamp: new Date(sourceDate(root) * 1000).toISOString(), component: own },
    components,
    dependencies: [{ ref: own['bom-ref'], dependsOn: components.map((one) => one['bom-ref']) }],
  }
}

// The titles of scripts/notices.mjs: name, version, licence.
function bundled(notices) {
  const titles = [...notices.matchAll(/^-{80}\n\n(\S+) (\S+) \((.+)\)$/gm)]
  if (titles.length === 0) throw new Error('dist/THIRD-PARTY-NOTICES.txt names no package: npm run build')
  return titles.map(([, name, version, licence]) => {
    const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`
    return component({ purl, name, version, licence, within: 'the command or the addon' })
  })
}

function node(arch) {
  const version = nodeVersion(SHIPPED_NODE)
  const purl = `pkg:npm/node-linux-${arch}@${version}`
  return component({ purl, name: `node-linux-${arch}`, version, licence: 'MIT', within: 'archive, packages, image' })
}

function fromZig(name, licence, within) {
  return component({
    purl: `pkg:generic/${name}@zig-${ZIG_VERSION}`,
    name,
    version: `zig ${ZIG_VERSION}`,
    licence,
    within,
  })
}

// Packages of the image that are libraries of the archive too are named once.
function debian(root, arch) {
  const pins = JSON.parse(readFileSync(path.join(root, 'scripts/release/debian-pins.json'), 'utf8'))
  const sets = { libraries: 'archive, packages, image', image: 'image' }
  const components = Object.entries(sets).flatMap(([set, within]) => {
    const { suite, packages } = pins[`${set}-${arch}`]
    return packages.map(({ name, version, sha256 }) => {
      const purl = `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?arch=${DEBIAN_ARCHITECTURES[arch]}&distro=${suite}`
      const licence = set === 'libraries' ? GCC : undefined
      return component({ purl, name, version, licence, within, sha256 })
    })
  })
  return [...new Map(components.reverse().map((one) => [one['bom-ref'], one])).values()]
}

function component({ purl, name, version, licence, within, sha256 }) {
  return {
    type: 'library',
    'bom-ref': purl,
    name,
    version,
    ...(sha256 && { hashes: [{ alg: 'SHA-256', content: sha256 }] }),
    ...(licence && licence !== 'see below' && { licenses: [{ expression: licence }] }),
    purl,
    properties: [{ name: 'vtepd:within', value: within }],
  }
}

/** A name-based UUID (version 5 in form). */
function uuidOf(text) {
  const bytes = createHash('sha1').update(text).digest().subarray(0, 16)
  bytes[6] = (bytes[6] & 0x0f) | 0x50
  bytes[8] = (bytes[8] & 0x3f) | 0x80
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}
