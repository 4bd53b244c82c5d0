/**
 * `vtepd diff`: what the kernel lacks and has too much of all that the agent keeps, by a fresh look of its own. Must not: mend it.
 */
import type { FamilyDifference } from '../../agent/family-difference.ts'
import { reportCommand } from '../report-command.ts'
import { askAgent, findAgent } from '../window/ask.ts'
import { WINDOW_FLAGS, WINDOW_FOOTER } from '../window/flags.ts'

const ABOUT = {
  name: 'vtepd diff',
  summary: `What the kernel's neighbour, FDB and route tables, the device and its addresses, the packet filter's own rules and the sysctls
lack, and have too much, against what they should be: the agent on this host looks at them afresh. Each line is the command that would
mend it. The agent mends it by itself; nothing is changed here.`,
  footer: `${WINDOW_FOOTER}

Example:
  vtepd diff

Exit status: 0 no difference, 1 a difference, nothing to compare with yet, or no agent to ask; 2 wrong flags.`,
} as const

export const DIFF = { flags: WINDOW_FLAGS, about: ABOUT }

export interface Report {
  readonly families: readonly (Omit<FamilyDifference, 'tables'> & Partial<Pick<FamilyDifference, 'tables'>>)[]
}

/** Resolves with the exit status; rejects with HostError where no agent answers. */
export function diffCommand(argv: readonly string[]): Promise<number> {
  return reportCommand(argv, {
    ...DIFF,
    async work(flags) {
      const families = await askAgent<Report['families']>(await findAgent(flags), 'diff')
      const same = families.length > 0 && families.every(isAsItShouldBe)
      return { report: { families }, status: same ? 0 : 1 }
    },
    render: renderDiff,
  })
}

type Parts = Pick<FamilyDifference, 'device' | 'filter' | 'settings'>

function partsOf({ device, filter, settings }: Parts) {
  return [
    ['device', device],
    ['packet filter', filter],
    ['sysctls', settings],
  ] as const
}

function isAsItShouldBe({ tables, ...others }: Report['families'][number]): boolean {
  const tablesAre = tables !== undefined && tables.missing + tables.surplus === 0
  return tablesAre && partsOf(others).every(([, found]) => !found || (found.commands.length === 0 && !found.unknown))
}

/** Nothing of a part that is as it should be. */
function partLines(what: string, found: FamilyDifference['filter']): readonly string[] {
  if (found === null || (found.commands.length === 0 && found.unknown === null)) return []
  const { commands, unknown } = found
  const count = commands.length === 0 ? '' : `${commands.length} not as it should be`
  return [`# ${what}: ${[count, unknown].filter((word) => word).join('; ')}`, ...commands]
}

function renderDiff({ families }: Report): string {
  const lines = families.flatMap(({ family, tables, ...others }) => {
    const name = family === 'ipv4' ? 'IPv4' : 'IPv6'
    const more = partsOf(others).flatMap(([part, found]) => partLines(`${name} ${part}`, found))
    if (tables === undefined)
      return [`# ${name}: nothing to compare with yet: vtepd status says what is missing`, ...more]
    const { commands, missing, surplus, complete } = tables
    const partly = complete ? '' : '; the view is not complete, so nothing counts as too much'
    const rest = missing + surplus - commands.length
    return [
      `# ${name}: ${missing} missing or altered, ${surplus} too many${partly}`,
      ...commands,
      ...(rest > 0 ? [`# and ${rest} more`] : []),
      ...more,
    ]
  })
  return lines.length === 0 ? '# the agent has only just started\n' : `${lines.join('\n')}\n`
}
