/**
 * The version of this package and how it came here, from package.json two levels above (the same for lib/cli, dist/cli and
 * dist/bin). Must not: know a version of its own.
 */
import { readFileSync } from 'node:fs'
import path from 'node:path'

interface Manifest {
  readonly version?: unknown
  /** Written by scripts/release/tree.mjs: archive, deb, rpm or image. */
  readonly installedAs?: unknown
}

const ROOT = path.resolve(import.meta.dirname, '..', '..')

export function packageVersion(): string {
  return String(manifest().version ?? 'unknown')
}

/** What `vtepd version --json` prints. */
export interface VersionReport {
  readonly version: string
  /** Of Node.js. */
  readonly node: string
  /** As `linux-x64`. */
  readonly platform: string
  readonly installedAs: string
  /** The folder of the package. */
  readonly root: string
}

export function versionReport(): VersionReport {
  const installedAs = String(manifest().installedAs ?? (ROOT.includes('/node_modules/') ? 'npm package' : 'checkout'))
  const platform = `${process.platform}-${process.arch}`
  return { version: packageVersion(), node: process.versions.node, platform, installedAs, root: ROOT }
}

/** What `vtepd --version` says: the version on a line of its own, then what a report of a fault needs besides. */
export function versionText(): string {
  const { version, node, platform, installedAs, root } = versionReport()
  return `vtepd ${version}\nNode.js ${node}, ${platform}, ${installedAs} in ${root}\n`
}

function manifest(): Manifest {
  const read: unknown = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'))
  return typeof read === 'object' && read !== null ? read : {}
}
