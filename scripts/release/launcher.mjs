// bin/vtepd of the archive and the packages: packaging/launcher/launcher.c, compiled by zig for either architecture.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { cacheFolder } from './cache.mjs'
import { ensureZig } from './zig.mjs'

const TARGETS = { x64: 'x86_64-linux-musl', arm64: 'aarch64-linux-musl' }

/** Makes `file`. `entry`: the built command, whose first line says which flags Node.js is started with. */
export function buildLauncher({ root, arch, entry, file, log }) {
  const zig = ensureZig(log)
  const flags = nodeFlags(entry).map((flag) => JSON.stringify(flag))
  const work = mkdtempSync(path.join(cacheFolder(), '.launcher-'))
  mkdirSync(path.dirname(file), { recursive: true })
  try {
    execFileSync(path.join(zig, 'zig'), words(arch, flags, file), {
      cwd: path.join(root, 'packaging/launcher'),
      stdio: ['ignore', 2, 2],
      env: { ...process.env, ZIG_GLOBAL_CACHE_DIR: cacheFolder('zig'), ZIG_LOCAL_CACHE_DIR: path.join(work, 'cache') },
    })
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

function words(arch, flags, file) {
  return [
    ...['cc', '-target', TARGETS[arch], '-mcpu=baseline', '-static', '-Os', '-s', '-g0', '-Wl,--build-id=none'],
    ...['-Wall', '-Wextra', '-Wconversion', '-Werror', '-ffunction-sections', '-fdata-sections', '-Wl,--gc-sections'],
    ...[`-DNODE_FLAGS=${flags.join(', ')}`, 'launcher.c', '-o', file],
  ]
}

function nodeFlags(entry) {
  const [first] = readFileSync(entry, 'utf8').split('\n', 1)
  const [, flags] = /^#!\/usr\/bin\/env -S node (.*)$/.exec(first) ?? []
  if (flags === undefined) throw new Error(`${entry} does not begin with the line that starts it`)
  return flags.split(' ')
}
