/**
 * `vtepd release`: hands the routes of this node over to flannel, opens the VXLAN port, or lists what would be done, and says what stays.
 * Must not: decide what is ours (lib/cli/cleanup), nor write while an agent keeps it.
 */
import type { Rtnl } from '../../rtnl/port.ts'
import { printable } from '../../util/printable.ts'
import type { Failure, Removal } from '../cleanup/facts.ts'
import { openVxlanPort } from '../cleanup/rules.ts'
import { prepareTask, type Task } from '../cleanup/task.ts'
import { RELEASE_ABOUT, RELEASE_FLAGS, type ReleaseFlags } from '../release/flags.ts'
import { releaseRoutes } from '../release/kernel.ts'
import { type Handover, planRelease, type ReleasePlan } from '../release/plan.ts'
import { reportCommand } from '../report-command.ts'

/** What --json prints: every key is always there. */
export interface Report {
  readonly dryRun: boolean
  /** What it was about. */
  readonly vnis: readonly number[]
  /** Routes of flannel's that were not there before. */
  readonly additions: readonly Removal[]
  /** Routes of ours, and what guards the VXLAN port. */
  readonly removals: readonly Removal[]
  /** What stays, of ours or perhaps of ours; empty: exit status 0. */
  readonly failures: readonly Failure[]
  readonly notes: readonly string[]
}

/** Resolves with the exit status. Throws ConfigError for flags, LockedError while an agent runs here. */
export function releaseCommand(argv: readonly string[]): Promise<number> {
  return reportCommand(argv, {
    flags: RELEASE_FLAGS,
    about: RELEASE_ABOUT,
    async work(flags) {
      const { openRtnl } = await import('../../rtnl/native.ts')
      const rtnl = openRtnl()
      try {
        const options = { routesOnly: true, force: false, remedy: ', which would write its routes again' }
        const report = await release(rtnl, flags, await prepareTask(rtnl, flags, options))
        return { report, status: report.failures.length === 0 ? 0 : 1 }
      } finally {
        await rtnl.close()
      }
    },
    render: renderReport,
  })
}

async function release(rtnl: Rtnl, flags: ReleaseFlags, task: Task): Promise<Report> {
  const { scope, facts, notes } = task
  const plan = planRelease(facts, scope)
  const stays = flags['dry-run'] ? plan.stays : await releaseRoutes(rtnl, plan, scope)
  // flannel lets nobody in: a node that joins would stay shut out.
  const port = await openVxlanPort(scope, flags['dry-run'])
  const failures = [...stays, ...port.stays, ...task.failures]
  const { additions, removals } = changes(plan, failures)
  return {
    dryRun: flags['dry-run'],
    vnis: [...scope.vnis],
    additions,
    removals: [...removals, ...port.removals],
    failures,
    notes: [...notes, ...port.notes],
  }
}

function changes(
  { handovers, removals }: ReleasePlan,
  failures: readonly Failure[],
): Pick<Report, 'additions' | 'removals'> {
  const stayed = new Set(failures.map(({ subject }) => subject))
  const done = handovers.filter(({ ours }) => !stayed.has(ours.subject))
  const route = (subject: string): Removal => ({ kind: 'route', subject })
  return {
    additions: done.filter(({ step }) => step !== 'stands').map((handover) => route(flannelsText(handover))),
    removals: [...done.map(({ ours }) => ours), ...removals]
      .map(({ subject }) => route(subject))
      .filter(({ subject }) => !stayed.has(subject)),
  }
}

/** The same route but for what makes it flannel's. */
function flannelsText({ ours, flannels }: Handover): string {
  return ours.subject.replace(/metric \d+ proto \d+$/, `metric ${flannels.metric} proto ${flannels.protocol}`)
}

function renderReport({ dryRun, additions, removals, failures, notes }: Report): string {
  const lines = [
    ...additions.map(({ subject }) => `${dryRun ? 'would add' : 'added'} route ${subject}`),
    ...removals.map(({ kind, subject }) => `${dryRun ? 'would remove' : 'removed'} ${kind} ${subject}`),
    ...failures.map(({ kind, subject, because }) => `stays: ${kind} ${subject}: ${because}`),
    ...notes.map((note) => `note: ${note}`),
  ]
  if (additions.length + removals.length + failures.length === 0) lines.unshift('no route of vtepd is here')
  return `${lines.map((line) => printable(line)).join('\n')}\n`
}
