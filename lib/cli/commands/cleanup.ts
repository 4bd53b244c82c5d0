/**
 * `vtepd cleanup`: removes what an agent leaves (everything stays at its exit), or lists it.
 * Must not: decide what is ours (cleanup-plan, cleanup-files), nor touch anything while an agent keeps it.
 */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { askHolder } from '../../agent/lock.ts'
import { parseNetwork } from '../../cluster/net-conf.ts'
import { ConfigError, HostError, LockedError } from '../../errors.ts'
import { hasNetAdmin, NET_ADMIN_MISSING } from '../../host/capabilities.ts'
import { parseVni } from '../../net/vni.ts'
import type { Rtnl } from '../../rtnl/port.ts'
import { planFiles, removeFiles } from '../cleanup-files.ts'
import { CLEANUP_ABOUT, CLEANUP_FLAGS, type CleanupFlags } from '../cleanup-flags.ts'
import { describePlan, type Failure, observeKernel, type Removal, removeFromKernel } from '../cleanup-kernel.ts'
import { type CleanupScope, deviceNames, planCleanup } from '../cleanup-plan.ts'
import { parseFlags } from '../parse-flags.ts'

interface Report {
  readonly dryRun: boolean
  readonly removals: readonly Removal[]
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
  const scope = { vni: vniOf(flags), routesOnly: flags.routes }
  if (!flags['dry-run']) {
    if (!flags.force) await refuseWhileRunning(scope.vni)
    if (!hasNetAdmin()) throw new HostError(NET_ADMIN_MISSING)
  }
  const { openRtnl } = await import('../../rtnl/native.ts')
  const rtnl = openRtnl()
  try {
    const report = await cleanUp(rtnl, flags, scope)
    process.stdout.write(flags.json ? `${JSON.stringify(report)}\n` : renderReport(report))
    return report.failures.length === 0 ? 0 : 1
  } finally {
    await rtnl.close()
  }
}

async function cleanUp(rtnl: Rtnl, flags: CleanupFlags, scope: CleanupScope): Promise<Report> {
  const plan = planCleanup(await observeKernel(rtnl), scope)
  const files = flags.routes
    ? { removals: [], notes: [] }
    : planFiles(
        { subnetFile: flags['subnet-file'], runDir: flags['run-dir'], stateDir: flags['state-dir'] },
        deviceNames(scope.vni),
      )
  const found: readonly Removal[] = [...(await describePlan(rtnl, plan)), ...files.removals]
  const notes = [...plan.notes, ...files.notes]
  if (flags['dry-run']) return { dryRun: true, removals: found, failures: [], notes }
  const failures = [...(await removeFromKernel(rtnl, plan, scope)), ...removeFiles(files.removals)]
  return {
    dryRun: false,
    removals: found.filter((removal) => !failures.some((failure) => concerns(failure, removal))),
    failures,
    notes,
  }
}

function concerns(failure: Failure, removal: Removal): boolean {
  // A device's subject goes on with what it holds.
  return (
    failure.kind === removal.kind &&
    (removal.subject === failure.subject || removal.subject.startsWith(`${failure.subject} (`))
  )
}

function renderReport({ dryRun, removals, failures, notes }: Report): string {
  const verb = dryRun ? 'would remove' : 'removed'
  const lines = [
    ...removals.map(({ kind, subject }) => `${verb} ${kind} ${subject}`),
    ...failures.map(({ kind, subject, because }) => `could not remove ${kind} ${subject}: ${because}`),
    ...notes.map((note) => `note: ${note}`),
  ]
  return lines.length === 0 ? 'nothing of vtepd is here\n' : `${lines.join('\n')}\n`
}

/** The lock's name alone tells that an agent lives, also one that is too busy to answer who it is. */
async function refuseWhileRunning(vni: number): Promise<void> {
  for (const device of deviceNames(vni)) {
    if (!isLocked(device)) continue
    const holder = (await askHolder(device)) ?? 'a vtepd that does not answer'
    throw new LockedError(device, `${holder} (cleanup --force removes it all the same)`)
  }
}

/** /proc/net/unix shows this network namespace's sockets; an abstract name as `@vtepd/flannel.1`, its zero bytes as more @. */
function isLocked(device: string): boolean {
  const sockets = readFileSync('/proc/net/unix', 'utf8').split('\n')
  return sockets.some((line) => line.replace(/@+$/, '').endsWith(` @vtepd/${device}`))
}

function vniOf(flags: CleanupFlags): number {
  if (flags.vni !== '') {
    try {
      return parseVni(Number(flags.vni))
    } catch (error) {
      throw new ConfigError('--vni', error instanceof RangeError ? error.message : String(error), { cause: error })
    }
  }
  const file = path.resolve(flags['net-config-path'])
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    return 1
  }
  return parseNetwork(text, file).network.backend.vni
}
