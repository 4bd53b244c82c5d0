// Programs from pinned Debian packages, run on this machine without being installed: each set is unpacked once into the cache, and
// started under the C library that came with it, so that neither the host's version nor its packages matter. x64 machines.
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import path from 'node:path'
import { cacheFolder } from './cache.mjs'
import { pinnedPackages, unpackPackages } from './debian.mjs'

/** The folder into which the packages of a set of debian-pins.json are unpacked. To be read only. */
export async function unpackedSet(set) {
  const packages = await pinnedPackages(set)
  const hash = createHash('sha256')
  for (const { sha256 } of packages) hash.update(sha256)
  const folder = path.join(cacheFolder('unpacked'), `${set}-${hash.digest('hex').slice(0, 16)}`)
  if (existsSync(folder)) return folder
  const work = mkdtempSync(path.join(cacheFolder('unpacked'), '.new-'))
  try {
    unpackPackages(packages, path.join(work, 'root'))
    // Another process may have put the same folder there meanwhile.
    if (!existsSync(folder)) renameSync(path.join(work, 'root'), folder)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  return folder
}

/** A function that makes the command line of a program of a set (its path in there, as 'usr/bin/patchelf'). */
export async function toolsOf(set) {
  if (process.arch !== 'x64') throw new Error(`the tools of ${set} run on x64 machines`)
  const folder = await unpackedSet(set)
  const loader = path.join(folder, 'usr/lib64/ld-linux-x86-64.so.2')
  const libraries = ['usr/lib/x86_64-linux-gnu', 'lib/x86_64-linux-gnu'].map((one) => path.join(folder, one)).join(':')
  return (program, ...words) => [loader, '--library-path', libraries, path.join(folder, program), ...words]
}
