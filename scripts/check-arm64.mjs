// arm64 on an x86-64 machine: `npm run check:arm64 [-- --node MAJOR,...]`. Node for arm64 starts the command, loads the prebuilt addon and
// dumps what qemu's user emulation translates: links, addresses, routes. It has no neighbour, FDB or rule calls, so that everything
// else of netlink needs a kernel of its own. Then the native tests, compiled for arm64, run under the same qemu.
// qemu and the C library come from Debian packages, unpacked into the cache. Needs the prebuilt addon for arm64.
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'

import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { inNamespaces } from './namespaces.mjs'
import { cacheFolder } from './release/cache.mjs'
import { newestPackages, unpackPackages } from './release/debian.mjs'
import { NODE_MAJORS, nodeFolder, nodeVersion } from './release/node-binaries.mjs'
import { ensureZig } from './release/zig.mjs'

const root = path.resolve(import.meta.dirname, '..')
const LIBRARIES = ['libc6', 'libstdc++6', 'libgcc-s1', 'libatomic1']
const PROGRAM = `
import { createEntryWriter, openRtnl, parseIp, parseLladdr, unpackEntries } from ${JSON.stringify(path.join(root, 'dist/rtnl/index.js'))}
const writer = createEntryWriter()
writer.push('replace', { kind: 'fdb', ifindex: 7, lladdr: parseLladdr('02:00:00:00:00:01'), remote: parseIp('fd00::1'), state: 0x80, flags: 2, extras: false })
const [entry] = unpackEntries(writer.finish())
const rtnl = openRtnl()
const links = (await rtnl.dumpLinks()).value
const addresses = (await rtnl.dumpAddresses()).value
await rtnl.dumpRoutes('ipv4')
await rtnl.close()
console.log(process.arch, entry.remote, links.map((link) => link.ifname).includes('lo'), addresses.some(({ ip }) => ip === '127.0.0.1'))
`

const options = { node: { type: 'string' }, help: { type: 'boolean' } }
const { values } = parseArgs({ options })
const work = mkdtempSync(path.join(tmpdir(), 'vtepd-arm64-'))
process.on('exit', () => rmSync(work, { recursive: true, force: true }))
if (values.help)
  process.stdout.write(
    'npm run check:arm64 [-- --node MAJOR,...]\n\nRuns the command, the addon and the native tests for arm64 under qemu.\n',
  )
else await main()

async function main() {
  if (!existsSync(path.join(root, 'prebuilds/linux-arm64-glibc/vtepd_native.node')))
    fail('no prebuilt addon: npm run build:prebuilds -- --target linux-arm64-glibc')
  run([process.execPath, 'scripts/ensure-built.mjs', 'dist'])
  const folder = await emulator()
  const qemu = [path.join(folder, 'qemu/usr/bin/qemu-aarch64-static'), '-L', path.join(folder, 'root')]
  writeFileSync(path.join(work, 'use.mjs'), PROGRAM)
  for (const major of values.node?.split(',').map(Number) ?? NODE_MAJORS) {
    const node = [...qemu, path.join(nodeFolder(major, 'arm64'), 'bin/node')]
    expect(run([...node, 'dist/bin/vtepd.js', '--version']), /^vtepd \d/)
    expect(run([...node, 'dist/bin/vtepd.js', 'run', '--help']), /--iface/)
    expect(runApart([...node, path.join(work, 'use.mjs')]), /^arm64 fd00::1 true true$/m)
    say(`Node ${nodeVersion(major)}: the command starts; the addon loads, packs, dumps links, addresses and routes`)
  }
  const tests = runApart([...qemu, compileTests()])
  say(`native tests: ${tests.match(/^ok /gm)?.length} pass`)
}

async function emulator() {
  const folder = path.join(cacheFolder('arm64'), 'bookworm')
  if (existsSync(folder)) return folder
  say('fetching qemu and the C library for arm64 (65 MB)')
  const staging = mkdtempSync(path.join(cacheFolder('arm64'), '.new-'))
  const request = { suite: 'bookworm', dependencies: false }
  unpackPackages(
    await newestPackages({ ...request, arch: 'x64', names: ['qemu-user-static'] }),
    path.join(staging, 'qemu'),
  )
  unpackPackages(await newestPackages({ ...request, arch: 'arm64', names: LIBRARIES }), path.join(staging, 'root'))
  renameSync(staging, folder)
  return folder
}

/** Static, so that they need nothing but the emulator. */
function compileTests() {
  say('compiling the native tests for arm64')
  const { sources, cflags_cc } = JSON.parse(readFileSync(path.join(root, 'binding.gyp'), 'utf8')).targets[0]
  const core = sources.filter((file) => file.endsWith('.cc') && !file.startsWith('native/src/napi/'))
  const tests = readdirSync(path.join(root, 'native/test')).filter((file) => file.endsWith('.cc'))
  const file = path.join(work, 'native_tests')
  mkdirSync(path.join(work, 'cache'))
  const golden = `-DVTEPD_GOLDEN_FOLDER="${path.join(root, 'native/test/golden')}"`
  const words = [
    'c++',
    '-target',
    'aarch64-linux-musl',
    '-O1',
    ...cflags_cc,
    '-Inative/src',
    '-Inative/test',
    golden,
    '-o',
    file,
  ]
  run([path.join(ensureZig(), 'zig'), ...words, ...core, ...tests.map((one) => `native/test/${one}`)], {
    ZIG_GLOBAL_CACHE_DIR: cacheFolder('zig'),
    ZIG_LOCAL_CACHE_DIR: path.join(work, 'cache'),
  })
  return file
}

function runApart(command) {
  return run(
    inNamespaces(command) ?? fail('private namespaces are refused here: unshare or ip is missing or forbidden'),
  )
}

function run(command, env = {}) {
  const { status, stdout, stderr, signal, error } = spawnSync(command[0], command.slice(1), {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { ...process.env, ...env },
  })
  if (status !== 0)
    fail(`${command.join(' ').slice(0, 400)}: ${error?.message ?? signal ?? `status ${status}`}\n${stdout}${stderr}`)
  return stdout
}

function expect(text, pattern) {
  if (!pattern.test(text)) fail(`this does not match ${pattern}: ${text}`)
}

function say(line) {
  process.stdout.write(`arm64: ${line}\n`)
}

function fail(why) {
  process.stderr.write(`arm64: ${why.slice(0, 8000)}\n`)
  process.exit(1)
}
