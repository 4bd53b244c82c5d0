// Runs tests on Debian's kernels, each in an emulated machine of its own: `npm run test:kernels -- --help`.
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { debianKernel, SUITES } from './kernels/debian-kernel.mjs'
import { emulator } from './kernels/machine.mjs'
import { rootFor } from './kernels/roots.mjs'
import { runOnKernel } from './kernels/run.mjs'
import { chosenFiles, FULL, SHORT, SHORT_EXCEPT } from './kernels/selection.mjs'

// Emulated, with everything else that runs: ten times slower than the machine on which the bounds were chosen.
const PATIENCE = 10

const HELP = `npm run test:kernels [-- OPTIONS] [FILE|FOLDER...]

Runs tests on Debian's own kernels, each booted by QEMU (no KVM needed) with this machine's files lent
read-only. A test that skips there counts as failed. Needs the Debian packages qemu-system-x86 or
qemu-system-arm, and apt.

  --kernel=5.10,6.1,6.12,7  which kernels: the newest package of bullseye, bookworm, trixie and sid
  --arch=x64|arm64          of the machine (default x64); arm64 needs npm run build:prebuilds first
  --node=MAJOR              one of scripts/release/node-pins.json (default: the Node that runs this; arm64: 24)
  --short, --full           which tests (default --short); files and folders take their place
  --only=REGEXP, --except=REGEXP  tests whose name matches, or does not
  --jobs=2                  machines at once
  --minutes=N               the longest that one machine may take (default 15, with --full 180)

Writes out/kernels/ARCH-KERNEL.log and .json.
`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    kernel: { type: 'string', default: Object.keys(SUITES).sort(byVersion).join(',') },
    arch: { type: 'string', default: 'x64' },
    node: { type: 'string' },
    short: { type: 'boolean' },
    full: { type: 'boolean', default: false },
    jobs: { type: 'string', default: '2' },
    only: { type: 'string' },
    except: { type: 'string' },
    minutes: { type: 'string' },
    help: { type: 'boolean' },
  },
})
const repository = path.resolve(import.meta.dirname, '..')
if (values.help) process.stdout.write(HELP)
else process.exitCode = await main()

async function main() {
  const { arch, full } = values
  const kernels = values.kernel.split(',')
  for (const name of kernels) if (SUITES[name] === undefined) return refuse(`no kernel ${name}`)
  if (!['x64', 'arm64'].includes(arch)) return refuse(`no architecture ${arch}`)
  if (spawnSync(emulator(arch), ['--version']).status !== 0)
    return refuse(`${emulator(arch)} is missing: apt install qemu-system-${arch === 'x64' ? 'x86' : 'arm'}`)

  const chosen = positionals.length > 0 ? positionals : full ? FULL : SHORT
  const files = chosenFiles(repository, chosen)
  const { only = '', except = chosen === SHORT ? SHORT_EXCEPT : '' } = values
  const limitMs = Number(values.minutes ?? (full ? 180 : 15)) * 60_000
  const ending = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => ending.abort())
  const root = await rootFor(arch, values.node, repository)
  const results = []
  const waiting = [...kernels]
  const work = async () => {
    for (let name = waiting.shift(); name !== undefined && !ending.signal.aborted; name = waiting.shift())
      results.push(await onOne(name, { arch, root, files, only, except, limitMs, signal: ending.signal }))
  }
  await Promise.all(Array.from({ length: Number(values.jobs) }, work))
  return results.length === kernels.length && results.every(({ good }) => good) ? 0 : 1
}

async function onOne(name, { arch, root, files, only, except, limitMs, signal }) {
  const say = (text) => process.stdout.write(`${arch} ${name}: ${text}\n`)
  const kernel = await debianKernel(SUITES[name], arch, root.hostBusybox)
  const place = path.join(repository, 'out/kernels', `${arch}-${name}`)
  say(`${kernel.version} boots; ${files.length} files of tests`)
  const result = await runOnKernel({
    ...{ arch, kernel, root, files, only, except, limitMs, signal, say, logFile: `${place}.log` },
    ...{ busybox: root.busybox, hostBusybox: root.hostBusybox, patience: PATIENCE },
  })
  const { passed, failures, skips, seconds, problem } = result
  for (const { name: test } of failures) say(`FAILED ${test}`)
  for (const skip of skips) say(`SKIPPED ${skip}`)
  if (problem !== undefined) say(`${problem}: see ${place}.log`)
  const good = failures.length + skips.length === 0 && problem === undefined
  say(
    `${good ? 'good' : 'NOT GOOD'}: ${result.kernel}, Node ${result.node}: ${passed} passed, ${failures.length} failed, ${skips.length} skipped, ${seconds} s`,
  )
  mkdirSync(path.dirname(place), { recursive: true })
  writeFileSync(`${place}.json`, `${JSON.stringify({ arch, name, good, ...result }, null, 2)}\n`)
  return { ...result, good }
}

function refuse(reason) {
  process.stderr.write(`vtepd: ${reason} (npm run test:kernels -- --help)\n`)
  return 2
}

function byVersion(a, b) {
  return a.localeCompare(b, 'en', { numeric: true })
}
