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

/** What `vtepd --version` says: the version on a line of its own, then what a report of a fault needs besides. */
export function versionText(): string {
  const kind = manifest().installedAs ?? (ROOT.includes('/node_modules/') ? 'npm package' : 'checkout')
  const runtime = `Node.js ${process.versions.node}, ${process.platform}-${process.arch}`
  return `vtepd ${packageVersion()}\n${runtime}, ${kind} in ${ROOT}\n`
}

function manifest(): Manifest {
  const read: unknown = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'))
  return typeof read === 'object' && read !== null ? read : {}
}
