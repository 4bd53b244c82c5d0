/** What the package's install script does and says on machines that lack something; scripts/check-package.mjs installs for real. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { addonPlaces, machineName } from '../../lib/addon/addon-place.ts'
import { root } from '../support/source-files.ts'

interface Host {
  readonly distribution: string | undefined
  readonly compiler: string
}

interface Advice {
  againWith(userAgent: string): string
  compilerAdvice(version: string, host: Host): readonly string[] | undefined
  distributionOf(osRelease: string): string | undefined
  headersAdvice(host: Host): readonly string[]
  missingAdvice(missing: readonly string[], host: Host): readonly string[]
}

const advice = (await import(new URL('../../scripts/install-advice.mjs', import.meta.url).href)) as Advice
const SCRIPTS = ['install.mjs', 'install-advice.mjs']
const TOO_OLD = 'g++ (Debian 9.3.0-22) 9.3.0\n'

test('a prebuilt addon that loads is all that is needed: no compiler is looked for', (t) => {
  const folder = installed(t)
  prebuild(folder, readFileSync(addonPlaces().find(existsSync) ?? ''))
  assert.deepEqual(install(folder, {}), { status: 0, said: '' })
})

test('a prebuilt addon that does not load is named, and compiling begins', (t) => {
  const folder = installed(t)
  prebuild(folder, Buffer.from('no addon'))
  const { status, said } = install(folder, {})
  assert.equal(status, 1)
  assert.match(
    said,
    /prebuilds\/linux-.*does not load here, so the addon is compiled: .*\n.*missing: g\+\+, make, python3/,
  )
})

test('a compiler that is too old is refused before anything is compiled, with the command to go on with', (t) => {
  const stubs = { 'g++': TOO_OLD, make: '', python3: '' }
  const { status, said } = install(installed(t), stubs, { npm_config_user_agent: 'pnpm/10.1.0 npm/? node/v24.1.0' })
  assert.equal(status, 1)
  assert.match(said, /g\+\+ 9 \(g\+\+\) is too old, 10 or newer is needed\.\n.*\n.*Then: pnpm rebuild vtepd\.\n$/)
})

test('the compiler is the one that CXX names, flags and all', (t) => {
  const clang = { 'my-clang': 'Debian clang version 11.0.1-2\n', make: '', python3: '' }
  const { said } = install(installed(t), clang, { CXX: 'my-clang -m64' })
  assert.match(said, /clang 11 \(my-clang -m64\) is too old, 14 or newer/)
})

test('each distribution is advised in its own words', () => {
  const cases: readonly (readonly [osRelease: string, words: RegExp])[] = [
    ['ID=debian\n', /^apt-get install g\+\+ linux-libc-dev$/],
    ['ID=ubuntu\nID_LIKE=debian\n', /^apt-get install g\+\+ linux-libc-dev$/],
    ['ID=linuxmint\nID_LIKE="ubuntu debian"\n', /^apt-get/],
    ['ID="rocky"\nID_LIKE="rhel centos fedora"\n', /^dnf install gcc-c\+\+ kernel-headers$/],
    ['ID="rhel"\nID_LIKE="fedora"\n', /^dnf install gcc-c\+\+/],
    ['ID=fedora\n', /^dnf install gcc-c\+\+/],
    ['ID="amzn"\nID_LIKE="fedora"\n', /^dnf/],
    ['ID=alpine\n', /^apk add g\+\+ linux-headers$/],
    ['ID="sles"\nID_LIKE="suse"\n', /^zypper install gcc-c\+\+ linux-glibc-devel$/],
    ['ID="opensuse-leap"\nID_LIKE="suse opensuse"\n', /^zypper/],
    ['ID=manjaro\nID_LIKE=arch\n', /^pacman -S gcc linux-api-headers$/],
    ['', /^Install them by the means of this distribution/],
  ]
  for (const [osRelease, words] of cases) {
    const host = { distribution: advice.distributionOf(osRelease), compiler: 'g++' }
    const [said, remedy] = advice.missingAdvice(['compiler', 'headers'], host)
    assert.match(said ?? '', /missing: g\+\+, the kernel's headers/)
    assert.match(remedy ?? '', words, osRelease)
    assert.match(advice.headersAdvice(host).join('\n'), /Linux 5\.5 or newer/)
  }
})

test('a compiler is judged by its own version, not by that of its package', () => {
  const host = { distribution: 'rhel', compiler: 'g++' }
  assert.match(
    advice.compilerAdvice('g++ (GCC) 8.5.0 20210514 (Red Hat 8.5.0-22)\n', host)?.join(' ') ?? '',
    /gcc-toolset/,
  )
  for (const version of [
    'g++ (Debian 10.2.1-6) 10.2.1 20210110\n',
    'g++-14 (Debian 14.2.0-19) 14.2.0\n',
    'g++ (Alpine 13.2.1_git20231014) 13.2.1 20231014\n',
    'Debian clang version 14.0.6\nTarget: x86_64-pc-linux-gnu\n',
    'c++ of a vendor, version 3\n',
  ])
    assert.equal(advice.compilerAdvice(version, host), undefined, version)
})

test('the command that goes on is that of the package manager which runs', () => {
  assert.equal(advice.againWith('npm/11.1.0 node/v24.1.0 linux x64'), 'npm rebuild vtepd')
  assert.equal(advice.againWith('yarn/1.22.22 npm/? node/v24.1.0'), 'yarn install --force')
  assert.equal(advice.againWith('yarn/4.18.1 npm/? node/v24.1.0'), 'yarn rebuild vtepd')
  assert.equal(advice.againWith('bun/1.4.4 npm/? node/v24.1.0'), 'bun pm trust vtepd')
  assert.equal(advice.againWith(''), 'npm rebuild vtepd')
})

/** The package as a consumer has it, without an addon. */
function installed(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-install-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  mkdirSync(path.join(folder, 'scripts'))
  for (const name of SCRIPTS) copyFileSync(path.join(root, 'scripts', name), path.join(folder, 'scripts', name))
  return folder
}

function prebuild(folder: string, addon: Buffer): void {
  const place = path.join(folder, 'prebuilds', machineName())
  mkdirSync(place, { recursive: true })
  writeFileSync(path.join(place, 'vtepd_native.node'), addon)
}

/** Runs the script on a machine that has these programs, each of which prints its text, and no other. */
function install(folder: string, programs: Readonly<Record<string, string>>, env: NodeJS.ProcessEnv = {}) {
  const bin = path.join(folder, 'bin')
  mkdirSync(bin)
  for (const [name, says] of Object.entries(programs))
    writeFileSync(path.join(bin, name), `#!/bin/sh\nprintf '%s' '${says}'\n`, { mode: 0o755 })
  const { status, stderr } = spawnSync(process.execPath, [path.join(folder, 'scripts/install.mjs')], {
    cwd: folder,
    encoding: 'utf8',
    env: { PATH: bin, ...env },
  })
  return { status, said: stderr }
}
