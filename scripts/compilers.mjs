// Compiles the addon and the native tests with every compiler that vtepd supports, and runs the tests: `npm run test:compilers
// [-- [--short] [--only NAME]]`. Each compiler comes from Debian packages, unpacked into a root of its own below the cache and entered
// by chroot in namespaces, so the host has none of them. Warnings are errors. Needs apt, dpkg-deb and unshare.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, symlinkSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { cacheFolder } from './release/cache.mjs'
import { newestPackages, unpackPackages } from './release/debian.mjs'

const root = path.resolve(import.meta.dirname, '..')
/** Oldest first; `short`: the two ends of the range. */
const COMPILERS = [
  { suite: 'bullseye', program: 'g++-10', short: true },
  { suite: 'bookworm', program: 'g++-11' },
  { suite: 'bookworm', program: 'g++-12' },
  { suite: 'trixie', program: 'g++-13' },
  { suite: 'trixie', program: 'g++-14' },
  { suite: 'bookworm', program: 'clang++-14', packages: ['clang-14', 'libstdc++-12-dev'] },
  { suite: 'trixie', program: 'clang++-19', packages: ['clang-19', 'libstdc++-14-dev'], short: true },
]
const HELP = `npm run test:compilers [-- [--short] [--only NAME]]

Compiles the addon and the native tests with ${COMPILERS.map(({ program }) => program).join(', ')}, and runs the
tests. --short: the oldest g++ and the newest clang. NAME is one of them. A compiler is fetched once, 80 to 200 MB.
`

const options = { short: { type: 'boolean' }, only: { type: 'string' }, help: { type: 'boolean' } }
const { values } = parseArgs({ options })
if (values.help) process.stdout.write(HELP)
else process.exitCode = await main()

async function main() {
  let failures = 0
  for (const compiler of COMPILERS) {
    if ((values.only ?? compiler.program) !== compiler.program || (values.short && !compiler.short)) continue
    const began = Date.now()
    const folder = await rootOf(compiler)
    const { status, output } = compileAndTest(folder, compiler.program)
    if (status !== 0) failures += 1
    const seconds = Math.round((Date.now() - began) / 1000)
    const verdict = status === 0 ? 'compiles without a warning, the native tests pass' : 'FAILED'
    process.stdout.write(`compilers: ${compiler.program} of ${compiler.suite}: ${verdict}, ${seconds} s\n`)
    if (status !== 0) process.stdout.write(`${output.slice(-6000)}\n`)
  }
  return failures === 0 ? 0 : 1
}

/** A root with one compiler, make, and what they need. Kept: a later run takes it as it is. */
async function rootOf({ suite, program, packages = [program] }) {
  const folder = path.join(cacheFolder('compilers'), `${suite}-${program}-${process.arch}`)
  if (existsSync(folder)) return folder
  process.stderr.write(`compilers: fetching ${program} of ${suite}\n`)
  const names = ['base-files', 'libc6-dev', 'linux-libc-dev', 'make', 'dash', ...packages]
  const fetched = await newestPackages({ suite, arch: process.arch, names })
  const staging = mkdtempSync(path.join(cacheFolder('compilers'), '.root-'))
  // First, since from trixie on it has the links from /lib to /usr/lib, into which the others unpack.
  const isBase = ({ name }) => name === 'base-files'
  unpackPackages([...fetched.filter(isBase), ...fetched.filter((one) => !isBase(one))], staging)
  for (const name of ['src', 'out', 'proc', 'dev', 'tmp']) mkdirSync(path.join(staging, name), { recursive: true })
  // In older suites a script of dash's makes it.
  if (!existsSync(path.join(staging, 'bin/sh'))) symlinkSync('dash', path.join(staging, 'bin/sh'))
  renameSync(staging, folder)
  return folder
}

/** What is made lies in memory, and is gone with the namespace. */
function compileAndTest(folder, program) {
  const unshare = ['unshare', ...(process.getuid() === 0 ? [] : ['--map-root-user']), '--mount', '--net']
  const mounts = ['/proc', '/dev'].map((one) => `mount --rbind ${one} "$0${one}"`)
  for (const one of ['tmp', 'out']) mounts.push(`mount -t tmpfs tmpfs "$0/${one}"`)
  mounts.push('mount --bind "$1" "$0/src"')
  const enter = [...mounts, 'exec chroot "$0" make --silent --jobs=2 --file=-'].join(' && ')
  const command = [...unshare, 'sh', '-c', enter, folder, root]
  const { status, stdout, stderr, error } = spawnSync(command[0], command.slice(1), {
    input: makefile(program),
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { PATH: `${process.env.PATH}:/usr/sbin:/usr/bin:/sbin:/bin`, LC_ALL: 'C' },
  })
  return { status: status ?? 1, output: error?.message ?? `${stdout}${stderr}` }
}

/** As node-gyp compiles the addon, and CMakeLists.txt the native tests. */
function makefile(program) {
  const { sources, defines, cflags_cc, ldflags } = JSON.parse(readFileSync(path.join(root, 'binding.gyp'), 'utf8'))
    .targets[0]
  const flags = ['-O2', '-fPIC', ...cflags_cc, '-Werror', ...defines.map((define) => `-D${define}`)]
  flags.push('-I/src/native/src', '-I/src/native/test', '-DVTEPD_GOLDEN_FOLDER=\'"/src/native/test/golden"\'')
  for (const one of ['node-addon-api', 'node-api-headers/include']) flags.push('-isystem', `/src/node_modules/${one}`)
  const addon = sources.filter((file) => file.endsWith('.cc'))
  const core = addon.filter((file) => !file.startsWith('native/src/napi/'))
  const tests = readdirSync(path.join(root, 'native/test')).filter((file) => file.endsWith('.cc'))
  const objects = (files) => files.map((file) => `/out/${file.replaceAll('/', '-')}.o`).join(' ')
  const testFiles = tests.map((file) => `native/test/${file}`)
  const rules = [...addon, ...testFiles].map(
    (file) => `${objects([file])}: /src/${file}\n\t${program} ${flags.join(' ')} -c $< -o $@\n`,
  )
  return `all: /out/vtepd_native.node test
test: /out/native_tests
\t/out/native_tests
/out/native_tests: ${objects([...core, ...testFiles])}
\t${program} -pthread -o $@ $^
/out/vtepd_native.node: ${objects(addon)}
\t${program} -shared ${ldflags.join(' ')} -o $@ $^
${rules.join('')}`
}
