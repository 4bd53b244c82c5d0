/**
 * `vtepd cleanup`: removes what an agent leaves (everything stays at its exit), or lists it, and says what stays.
 * Must not: decide what is ours (lib/cli/cleanup), nor touch anything while an agent keeps it.
 */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { parseNetwork } from '../../cluster/net-conf.ts'
import type { Network } from '../../cluster/network.ts'
import { ConfigError, HostError, LockedError } from '../../errors.ts'
import { hasNetAdmin, NET_ADMIN_MISSING } from '../../host/capabilities.ts'
import { isMissing } from '../../host/files.ts'
import { askHolder } from '../../host/lock.ts'
import { parseVni } from '../../net/vni.ts'
import type { Rtnl } from '../../rtnl/port.ts'
import { messageOf } from '../../util/message-of.ts'
import { printable, printableAll } from '../../util/printable.ts'
import type { Failure, KernelFacts, Removal } from '../cleanup/facts.ts'
import { planFiles, removeFiles } from '../cleanup/files.ts'
import { CLEANUP_ABOUT, CLEANUP_FLAGS, type CleanupFlags } from '../cleanup/flags.ts'
import { describePlan, observeKernel, removeFromKernel } from '../cleanup/kernel.ts'
import { planCleanup } from '../cleanup/plan.ts'
import { cleanUpRules } from '../cleanup/rules.ts'
import { type CleanupScope, decideScope } from '../cleanup/scope.ts'
import { readState } from '../cleanup/state.ts'
import { parseFlags } from '../parse-flags.ts'

/** What --json prints: every key is always there. */
interface Report {
  readonly dryRun: boolean
  /** What it was about. */
  readonly vnis: readonly number[]
  readonly removals: readonly Removal[]
  /** What stays, of ours or perhaps of ours; empty: exit status 0. */
  readonly failures: readonly Failure[]
  readonly notes: readonly string[]
}

interface Task {
  readonly scope: CleanupScope
  readonly facts: KernelFacts
  /** What is said beside what the plans say. */
  readonly failures: readonly Failure[]
  readonly notes: readonly string[]
}

/** Resolves with the exit status. Throws ConfigError for flags, LockedError while an agent runs here. */
export async function cleanupCommand(argv: readonly string[]): Promise<number> {
  const parsed = parseFlags(CLEANUP_FLAGS, argv, process.env, CLEANUP_ABOUT)
  if (parsed.help !== undefined) {
    process.stdout.write(parsed.help)
    return 0
  }
  const flags = parsed.values
  const asked = vniOf(flags)
  const { openRtnl } = await import('../../rtnl/native.ts')
  const rtnl = openRtnl()
  try {
    const report = await cleanUp(rtnl, flags, await prepare(rtnl, flags, asked))
    process.stdout.write(flags.json ? `${JSON.stringify(printableAll(report))}\n` : renderReport(report))
    return report.failures.length === 0 ? 0 : 1
  } finally {
    await rtnl.close()
  }
}

/** Finds out what it is about; throws where it must not go on. */
async function prepare(rtnl: Rtnl, flags: CleanupFlags, asked: number | undefined): Promise<Task> {
  const netConf = readNetConf(flags['net-config-path'])
  const state = await readState(flags['state-dir'])
  const facts = await observeKernel(rtnl)
  const options = { routesOnly: flags.routes, force: flags.force }
  const { scope, running, refused } = decideScope({ asked, netConf, state, locked: lockedDevices(), facts }, options)
  const notes = [...(netConf instanceof Error ? [`not used: ${netConf.message}`] : []), ...state.notes]
  if (refused !== undefined) {
    const holder = await holderOf(refused)
    if (!flags['dry-run']) throw new LockedError(refused, `${holder} (cleanup --force removes it all the same)`)
    notes.push(`${refused} is kept by ${holder}: nothing is removed until that is stopped`)
  }
  if (!flags['dry-run'] && !hasNetAdmin()) throw new HostError(NET_ADMIN_MISSING)
  const failures: Failure[] = []
  for (const subject of running)
    failures.push({ kind: 'device', subject, because: `${await holderOf(subject)} keeps it: stop that one first` })
  return { scope, facts, failures, notes }
}

async function cleanUp(rtnl: Rtnl, flags: CleanupFlags, task: Task): Promise<Report> {
  const { scope } = task
  const places = { subnetFile: flags['subnet-file'], runDir: flags['run-dir'], stateDir: flags['state-dir'] }
  const plan = planCleanup(task.facts, scope)
  const files = flags.routes ? { removals: [], stays: [], notes: [] } : planFiles(places, scope)
  const inKernel = await describePlan(rtnl, plan)
  const rules = await cleanUpRules(scope, flags['dry-run'])
  const found: readonly Removal[] = [...inKernel, ...rules.removals, ...files.removals]
  const stays = flags['dry-run']
    ? plan.stays
    : [...(await removeFromKernel(rtnl, plan, scope)), ...removeFiles(files.removals)]
  const failures = [...stays, ...rules.stays, ...files.stays, ...task.failures]
  const stayed = new Set(failures.map(keyOf))
  return {
    dryRun: flags['dry-run'],
    vnis: [...scope.vnis],
    removals: found.filter((removal) => !stayed.has(keyOf(removal))),
    failures,
    notes: [...plan.notes, ...rules.notes, ...files.notes, ...task.notes],
  }
}

function keyOf({ kind, subject }: Removal): string {
  // What a device holds follows its name in a plan only.
  return `${kind} ${kind === 'device' ? subject.replace(/ \(.*/, '') : subject}`
}

function renderReport({ dryRun, removals, failures, notes }: Report): string {
  const verb = dryRun ? 'would remove' : 'removed'
  const lines = [
    ...removals.map(({ kind, subject }) => `${verb} ${kind} ${subject}`),
    ...failures.map(({ kind, subject, because }) => `stays: ${kind} ${subject}: ${because}`),
    ...notes.map((note) => `note: ${note}`),
  ]
  return lines.length === 0 ? 'nothing of vtepd is here\n' : `${lines.map((line) => printable(line)).join('\n')}\n`
}

/** The lock's name alone tells that an agent lives, also one that is too busy to answer who it is. */
async function holderOf(device: string): Promise<string> {
  return (await askHolder(device)) ?? 'a vtepd that does not answer'
}

/** /proc/net/unix shows this network namespace's sockets; an abstract name as `@vtepd/flannel.1`, its zero bytes as more @. */
function lockedDevices(): ReadonlySet<string> {
  const sockets = readFileSync('/proc/net/unix', 'utf8').split('\n')
  return new Set(sockets.flatMap((line) => / @vtepd\/(\S+?)@*$/.exec(line)?.[1] ?? []))
}

function vniOf(flags: CleanupFlags): number | undefined {
  if (flags.vni === '') return undefined
  try {
    return parseVni(Number(flags.vni))
  } catch (error) {
    throw new ConfigError('--vni', error instanceof RangeError ? error.message : String(error), { cause: error })
  }
}

/** undefined: there is none. An error is for the caller to weigh: other things may tell what is ours. */
function readNetConf(file: string): Network | ConfigError | undefined {
  const where = path.resolve(file)
  try {
    return parseNetwork(readFileSync(where, 'utf8'), where).network
  } catch (error) {
    if (error instanceof ConfigError) return error
    return isMissing(error) ? undefined : new ConfigError(where, messageOf(error), { cause: error })
  }
}
