// The zig that cross-compiles the addon for all four kinds of machine: PyPI's package ziglang, one version, checked by pip.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { cacheFolder } from './cache.mjs'

const VERSION = '0.16.0'
/** SHA-256 of its wheels for Linux on x86-64 and arm64. */
const WHEELS = [
  '9fcda73f62b851dd72a54b710ad40a209896db14cfb13649e62191243556342b',
  'e27d409812b11e0fb89ed0200cf2e55b6464d43f9461553104e4a4f9a94a1fd5',
]

/** The folder of zig, with the program `zig` and the licences of what it links into a result. Needs python3 and its pip. */
export function ensureZig(log) {
  const folder = path.join(cacheFolder(), `ziglang-${VERSION}`)
  const zig = path.join(folder, 'ziglang')
  if (existsSync(zig)) return zig
  log(`fetching ziglang ${VERSION} (98 MB)`)
  const work = mkdtempSync(path.join(cacheFolder(), '.zig-'))
  try {
    const requirements = path.join(work, 'requirements.txt')
    writeFileSync(requirements, `ziglang==${VERSION} ${WHEELS.map((hash) => `--hash=sha256:${hash}`).join(' ')}\n`)
    const target = path.join(work, 'packages')
    const words = ['install', '--quiet', '--no-deps', '--require-hashes', '--only-binary=:all:', '--no-compile']
    execFileSync('python3', ['-m', 'pip', ...words, '--target', target, '-r', requirements], {
      stdio: ['ignore', 2, 2],
      env: { ...process.env, PIP_ROOT_USER_ACTION: 'ignore', PIP_DISABLE_PIP_VERSION_CHECK: '1' },
    })
    // Another process may have put the same folder there meanwhile.
    if (!existsSync(zig)) renameSync(target, folder)
  } catch (error) {
    const remedy = error.code === 'ENOENT' ? 'python3 is missing' : 'what pip said stands above'
    throw new Error(`zig cannot be had: ${remedy} (on Debian: apt-get install python3-pip)`, { cause: error })
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  return zig
}
