/**
 * `npm run chaos -- [--seconds N] [--seed S] [--pinned | --unpinned] [--rebuilds N | --stopped N]`
 *
 * A storm of everything that can happen to a node's network, on the real kernel, with real agents and real traffic, in
 * private namespaces. Exit status 0: everything was right in every calm; 1: it was not, with the seed, the history and the
 * difference. The same seed draws the same history. --rebuilds N rebuilds the parent N times instead, in both modes and
 * families, and measures what the agent keeps of it. --stopped N stops the agent N times while the kernel announces more than
 * its monitor holds, and deletes the device as it wakes; status 1: some repeat was not healed within a second.
 */
import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { runProber, runSocketOpener } from '../../lib/lab/prober.ts'
import { runRebuilds } from './rebuilds.ts'
import { MOST_MS, runStopped } from './stopped.ts'
import { runStorm } from './storm.ts'

const INSIDE = 'VTEPD_TEST_NAMESPACE'
const words = process.argv.slice(2)
const say = (line: string): void => void process.stdout.write(`${line}\n`)

// The prober starts this program again for itself and its helpers (lib/lab/own-command).
if (words[0] === 'lab' && words[1] === 'prober') process.exitCode = await runProber()
else if (words[0] === 'lab' && words[1] === 'open-sockets') await runSocketOpener(words.slice(2))
else {
  const request = parseRequest()
  if (typeof request === 'string') {
    process.stderr.write(`chaos: ${request}\n`)
    process.exitCode = 2
  } else if (process.env[INSIDE] === '1') await main(request)
  else process.exitCode = await runInside(request)
}

interface Request {
  readonly seconds: number
  readonly seed: number
  readonly rebuilds: number
  readonly stopped: number
  /** Pinned or not, one after the other. */
  readonly modes: readonly boolean[]
}

/** A sentence where the arguments are wrong. */
function parseRequest(): Request | string {
  const options = {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    rebuilds: { type: 'string', default: '0' },
    stopped: { type: 'string', default: '0' },
    pinned: { type: 'boolean', default: false },
    unpinned: { type: 'boolean', default: false },
  } as const
  try {
    const { values } = parseArgs({ args: words, options })
    const [seconds, seed] = [Number(values.seconds), Number(values.seed)]
    const [rebuilds, stopped] = [Number(values.rebuilds), Number(values.stopped)]
    const isCount = (count: number): boolean => Number.isInteger(count) && count >= 0
    if (!(seconds > 0) || !Number.isInteger(seed) || !isCount(rebuilds) || !isCount(stopped))
      return '--seconds, --seed, --rebuilds and --stopped take numbers'
    const modes = values.pinned === values.unpinned ? [false, true] : [values.pinned]
    return { seconds, seed, rebuilds, stopped, modes }
  } catch (error) {
    return (error as Error).message
  }
}

/** Each mode in namespaces of its own, for half of the time. */
async function runInside({ seconds, seed, rebuilds, stopped, modes }: Request): Promise<number> {
  const namespaces: string = new URL('../../scripts/namespaces.mjs', import.meta.url).href
  const { inNamespaces } = (await import(namespaces)) as { inNamespaces(command: string[]): string[] | undefined }
  const [, entry = ''] = process.argv
  for (const pinned of modes) {
    const counts = [`--seconds=${seconds / modes.length}`, `--seed=${seed}`]
    const flags = [...counts, `--rebuilds=${rebuilds}`, `--stopped=${stopped}`, modeFlag(pinned)]
    const command = inNamespaces([process.execPath, ...process.execArgv, entry, ...flags])
    if (command === undefined) {
      process.stderr.write('chaos: needs private namespaces: unshare or ip is missing or refused here\n')
      return 1
    }
    const [program = '', ...args] = command
    const { status } = spawnSync(program, args, { stdio: 'inherit', env: { ...process.env, [INSIDE]: '1' } })
    if (status !== 0) return status ?? 1
  }
  return 0
}

async function main({ seconds, seed, rebuilds, stopped, modes }: Request): Promise<void> {
  const [pinned = false] = modes
  try {
    if (rebuilds > 0) await rebuildAll(rebuilds, pinned)
    else if (stopped > 0) await stopAll(stopped, seed, pinned)
    else {
      say(
        `${modeName(pinned)} devices; again with: npm run chaos -- --seconds ${seconds} --seed ${seed} ${modeFlag(pinned)}`,
      )
      await runStorm({ seconds, seed, pinned, say: (line) => say(`  ${line}`) })
    }
    // The prober and its helpers end with the namespaces, and those with this process.
    process.exit(0)
  } catch (error) {
    process.stderr.write(`chaos: ${(error as Error).message}\n`)
    process.exit(1)
  }
}

function modeFlag(pinned: boolean): string {
  return pinned ? '--pinned' : '--unpinned'
}

function modeName(pinned: boolean): string {
  return pinned ? 'pinned' : 'unpinned'
}

async function rebuildAll(rebuilds: number, pinned: boolean): Promise<void> {
  say(`${rebuilds} rebuilds, ${modeName(pinned)}, IPv4 and IPv6`)
  const progress = (line: string): void => void process.stderr.write(`  ${line}\n`)
  const { growthKb, first, last } = await runRebuilds({ rebuilds, pinned, families: ['ipv4', 'ipv6'], say: progress })
  const growth = `growing ${growthKb.toFixed(0)} KB per 100 rebuilds after warm-up`
  say(`  every table right after each; resident memory ${Math.round(last.rssKb)} KB, ${growth}`)
  say(`  open files ${first.openFiles} before, ${last.openFiles} after; ${last.cpuMs} ms of processor in all`)
}

async function stopAll(repeats: number, seed: number, pinned: boolean): Promise<void> {
  const again = `npm run chaos -- --stopped ${repeats} --seed ${seed} ${modeFlag(pinned)}`
  say(`${repeats} times stopped, ${modeName(pinned)}, IPv4 and IPv6; again with: ${again}`)
  const progress = (line: string): void => void process.stderr.write(`  ${line}\n`)
  const { healedMs, late } = await runStopped({ repeats, seed, pinned, families: ['ipv4', 'ipv6'], say: progress })
  const sorted = [...healedMs].sort((a, b) => a - b)
  const [median = 0, worst = 0] = [sorted[sorted.length >> 1], sorted.at(-1)]
  const healed = `${repeats - late.length} of ${repeats} healed within ${MOST_MS} ms`
  say(`  ${healed}; median ${median.toFixed(0)} ms, worst ${worst.toFixed(0)} ms`)
  if (late.length > 0) throw new Error(late.join('\n'))
}
