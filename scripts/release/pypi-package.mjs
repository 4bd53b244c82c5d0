// One wheel of PyPI, by its exact version and hash, unpacked into the cache by pip: for programs that are used as files.
// Must not: touch the host's Python packages, or fetch what a wheel depends on.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { cacheFolder } from './cache.mjs'

/**
 * The folder that holds what `name`==`version` installs. `hashes`: SHA-256 of the wheels that may be taken; `platform`: a tag as
 * pip has it, where the wheel is not for this machine. Needs python3 and its pip.
 */
export function pypiPackage({ name, version, hashes, platform }) {
  const folder = path.join(cacheFolder(), [name, version, ...(platform === undefined ? [] : [platform])].join('-'))
  if (existsSync(folder)) return folder
  process.stderr.write(`pip: fetching ${name} ${version}\n`)
  const work = mkdtempSync(path.join(cacheFolder(), '.pip-'))
  try {
    const requirements = path.join(work, 'requirements.txt')
    writeFileSync(requirements, `${name}==${version} ${hashes.map((hash) => `--hash=sha256:${hash}`).join(' ')}\n`)
    const target = path.join(work, 'packages')
    const words = ['install', '--quiet', '--no-deps', '--require-hashes', '--only-binary=:all:', '--no-compile']
    if (platform !== undefined) words.push('--platform', platform)
    execFileSync('python3', ['-m', 'pip', ...words, '--target', target, '-r', requirements], {
      stdio: ['ignore', 2, 2],
      env: { ...process.env, PIP_ROOT_USER_ACTION: 'ignore', PIP_DISABLE_PIP_VERSION_CHECK: '1' },
    })
    // Another process may have put the same folder there meanwhile.
    if (!existsSync(folder)) renameSync(target, folder)
  } catch (error) {
    const remedy = error.code === 'ENOENT' ? 'python3 is missing' : 'what pip said stands above'
    throw new Error(`${name} cannot be had: ${remedy} (on Debian: apt-get install python3-pip)`, { cause: error })
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  return folder
}
