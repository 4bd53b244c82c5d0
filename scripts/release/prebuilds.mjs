// Builds the addon for every kind of machine into prebuilds/linux-ARCH-LIBC/: `npm run build:prebuilds [-- --target NAME,...]`.
// zig brings compiler, C library stubs, kernel headers and libc++ of each target, so the host's own do not matter, and what it
// makes is the same on every machine, byte for byte. Sources and flags are binding.gyp's.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { newest } from '../newest.mjs'
import { checkAddon } from './addon-symbols.mjs'
import { cacheFolder } from './cache.mjs'
import { ensureZig } from './zig.mjs'

const root = path.resolve(import.meta.dirname, '../..')
const TARGETS = {
  'linux-x64-glibc': 'x86_64-linux-gnu.2.28',
  'linux-arm64-glibc': 'aarch64-linux-gnu.2.28',
  'linux-x64-musl': 'x86_64-linux-musl',
  'linux-arm64-musl': 'aarch64-linux-musl',
}
const FILE = 'vtepd_native.node'
/** What a result depends on besides zig. */
const SOURCES = ['binding.gyp', 'native/src', 'scripts/release/prebuilds.mjs', 'scripts/release/zig.mjs']
const HELP = `npm run build:prebuilds [-- [--missing] [--target NAME,...]]

Builds the addon for ${Object.keys(TARGETS).join(', ')} (all by default)
into prebuilds/NAME/${FILE}. The first run fetches zig through pip; a target takes a minute or two.
--missing: only those that are not there, or are older than their sources.
`

try {
  const { values } = parseArgs({
    options: { target: { type: 'string' }, missing: { type: 'boolean' }, help: { type: 'boolean' } },
  })
  if (values.help) process.stdout.write(HELP)
  else buildAll(values.target?.split(',') ?? Object.keys(TARGETS), values.missing)
} catch (error) {
  process.stderr.write(`prebuilds: ${error.message}\n`)
  process.exitCode = 1
}

function buildAll(named, onlyMissing) {
  const unknown = named.find((name) => !Object.hasOwn(TARGETS, name))
  if (unknown !== undefined) throw new Error(`no target ${unknown}: there are ${Object.keys(TARGETS).join(', ')}`)
  const names = named.filter((name) => !onlyMissing || isOld(path.join(root, 'prebuilds', name, FILE)))
  if (names.length === 0) return
  const zig = ensureZig()
  for (const name of names) {
    log(`${name}: compiling`)
    const bytes = build(zig, name)
    const digest = createHash('sha256').update(bytes).digest('hex')
    process.stdout.write(`${digest}  prebuilds/${name}/${FILE}  ${bytes.length} bytes\n`)
  }
  writeFileSync(path.join(root, 'prebuilds/NOTICES.txt'), notices(zig))
}

function isOld(file) {
  if (!existsSync(file)) return true
  return SOURCES.some((source) => newest(path.join(root, source)) > statSync(file).mtimeMs)
}

function build(zig, name) {
  const folder = path.join(root, 'prebuilds', name)
  for (const one of [folder, path.join(root, 'out')]) mkdirSync(one, { recursive: true })
  const work = mkdtempSync(path.join(root, 'out', '.prebuild-'))
  try {
    const made = path.join(work, FILE)
    const exported = path.join(work, 'exports.map')
    // Besides these, libc++ would show its operator new.
    writeFileSync(exported, '{ global: napi_register_module_v1; node_api_module_get_api_version_v1; local: *; };\n')
    compile(zig, [...words(TARGETS[name]), `-Wl,--version-script=${exported}`, '-o', made], path.join(work, 'cache'))
    checkAddon(made, name)
    renameSync(made, path.join(folder, FILE))
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  return readFileSync(path.join(folder, FILE))
}

/** What zig says while it builds its own libc++ for a target, thousands of warnings, is shown only when something failed. */
function compile(zig, words, cache) {
  const { status, stderr, error } = spawnSync(path.join(zig, 'zig'), ['c++', ...words], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 2, 'pipe'],
    maxBuffer: 1 << 28,
    env: { ...process.env, ZIG_GLOBAL_CACHE_DIR: cacheFolder('zig'), ZIG_LOCAL_CACHE_DIR: cache },
  })
  if (error !== undefined) throw new Error(`zig did not start: ${error.message}`)
  if (status === 0) return
  process.stderr.write(stderr)
  throw new Error('zig did not compile the addon: what it said stands above')
}

function words(target) {
  const { sources, defines, cflags_cc } = JSON.parse(readFileSync(path.join(root, 'binding.gyp'), 'utf8')).targets[0]
  const headers = ['node-addon-api', 'node-api-headers/include'].map((one) => path.join('node_modules', one))
  for (const folder of headers)
    if (!existsSync(path.join(root, folder))) throw new Error(`${folder} is missing: npm ci`)
  return [
    ...['-target', target, '-mcpu=baseline', '-shared', '-fPIC', '-O2', '-s'],
    ...[...cflags_cc, '-Werror', '-ffunction-sections', '-fdata-sections'],
    ...defines.map((define) => `-D${define}`),
    ...['-Inative/src', ...headers.flatMap((folder) => ['-isystem', folder])],
    // Nothing of this machine in the file: __FILE__ and debug information name no folder, and there is no build ID.
    ...[`-ffile-prefix-map=${root}=.`, '-g0', '-Wl,--build-id=none'],
    // As binding.gyp's -Bsymbolic-functions, which zig's linker lacks: Node has a C++ library of its own.
    ...['-Wl,-Bsymbolic', '-Wl,--gc-sections'],
    ...sources.filter((file) => file.endsWith('.cc')),
  ]
}

function notices(zig) {
  const texts = {
    'libc++ (LLVM)': path.join(zig, 'lib/libcxx/LICENSE.TXT'),
    'libc++abi (LLVM)': path.join(zig, 'lib/libcxxabi/LICENSE.TXT'),
    'libunwind (LLVM)': path.join(zig, 'lib/libunwind/LICENSE.TXT'),
    'compiler_rt (Zig)': path.join(zig, 'LICENSE'),
    'node-addon-api': path.join(root, 'node_modules/node-addon-api/LICENSE.md'),
  }
  const titles = new Map()
  for (const [name, file] of Object.entries(texts)) {
    const text = readFileSync(file, 'utf8').trim()
    titles.set(text, [...(titles.get(text) ?? []), name])
  }
  const heading = 'The prebuilt addons contain parts of the following, each under the licence that follows its name.\n'
  return `${heading}${[...titles].map(([text, names]) => `\n==== ${names.join(', ')}\n\n${text}\n`).join('')}`
}

function log(line) {
  process.stderr.write(`prebuilds: ${line}\n`)
}
