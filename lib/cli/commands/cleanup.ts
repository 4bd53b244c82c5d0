/**
 * `vtepd cleanup`: removes what an agent leaves (everything stays at its exit), or lists it, and says what stays.
 * Must not: decide what is ours (lib/cli/cleanup), nor touch anything while an agent keeps it.
 */
import path from 'node:path'
import { outputIsOver } from '../../host/output.ts'
import type { Rtnl } from '../../rtnl/port.ts'
import { printable } from '../../util/printable.ts'
import type { Failure, Removal } from '../cleanup/facts.ts'
import { planFiles, removeFiles } from '../cleanup/files.ts'
import { CLEANUP_ABOUT, CLEANUP_FLAGS, type CleanupFlags } from '../cleanup/flags.ts'
import { describePlan, removeFromKernel } from '../cleanup/kernel.ts'
import { planCleanup } from '../cleanup/plan.ts'
import { cleanUpRules } from '../cleanup/rules.ts'
import { prepareTask, type Task } from '../cleanup/task.ts'
import { conflistName } from '../flag-values.ts'
import { reportCommand } from '../report-command.ts'
import { onTermination } from '../supervise.ts'

/** What --json prints: every key is always there. */
export interface Report {
  readonly dryRun: boolean
  /** What it was about. */
  readonly vnis: readonly number[]
  readonly removals: readonly Removal[]
  /** What stays, of ours or perhaps of ours; empty: exit status 0. */
  readonly failures: readonly Failure[]
  readonly notes: readonly string[]
}

/** Resolves with the exit status, with --stay when it was told to end. Throws ConfigError for flags, LockedError while an agent runs here. */
export async function cleanupCommand(argv: readonly string[]): Promise<number> {
  let told: Promise<unknown> | undefined
  const exit = await reportCommand(argv, {
    flags: CLEANUP_FLAGS,
    about: CLEANUP_ABOUT,
    async work(flags) {
      const { openRtnl } = await import('../../rtnl/native.ts')
      const rtnl = openRtnl()
      try {
        const options = {
          routesOnly: flags.routes,
          force: flags.force,
          remedy: ' (cleanup --force removes it all the same)',
        }
        const report = await cleanUp(rtnl, flags, await prepareTask(rtnl, flags, options))
        // Whoever reads the report may tell us at once.
        if (flags.stay && report.failures.length === 0) told = onTermination()
        return { report, status: report.failures.length === 0 ? 0 : 1 }
      } finally {
        await rtnl.close()
      }
    },
    render: renderReport,
  })
  if (told !== undefined) {
    outputIsOver()
    await keptUntil(told)
  }
  return exit
}

/** A handler of signals alone does not keep the process. */
async function keptUntil(told: Promise<unknown>): Promise<void> {
  const reason = setInterval(() => undefined, 2 ** 31 - 1)
  await told
  clearInterval(reason)
}

async function cleanUp(rtnl: Rtnl, flags: CleanupFlags, task: Task): Promise<Report> {
  const { scope } = task
  const places = {
    subnetFile: flags['subnet-file'],
    runDir: flags['run-dir'],
    stateDir: flags['state-dir'],
    conflist: conflistOf(flags),
  }
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

function conflistOf(flags: CleanupFlags): string | undefined {
  const folder = flags['cni-conf-dir']
  return folder === '' ? undefined : path.resolve(folder, conflistName(flags['cni-conf-name']))
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
