/**
 * `vtepd diff`: what the kernel's tables lack and have too much, by a fresh look of the running agent. Must not: mend it.
 */
import type { TableDifference } from '../../agent/table-difference.ts'
import type { Family } from '../../net/ip.ts'
import { reportCommand } from '../report-command.ts'
import { askAgent, findAgent } from '../window/ask.ts'
import { WINDOW_FLAGS, WINDOW_FOOTER } from '../window/flags.ts'

const ABOUT = {
  name: 'vtepd diff',
  summary: `What the kernel's neighbour, FDB and route tables lack, and have too much, against what they should be: the agent on this host
looks at them afresh. Each line is the command that would mend it. The agent mends it by itself; nothing is changed here.`,
  footer: `${WINDOW_FOOTER}

Exit status: 0 no difference, 1 a difference, nothing to compare with yet, or no agent to ask; 2 wrong flags.`,
} as const

export const DIFF = { flags: WINDOW_FLAGS, about: ABOUT }

export interface Report {
  readonly families: readonly { readonly family: Family; readonly tables?: TableDifference }[]
}

/** Resolves with the exit status; rejects with HostError where no agent answers. */
export function diffCommand(argv: readonly string[]): Promise<number> {
  return reportCommand(argv, {
    ...DIFF,
    async work(flags) {
      const families = await askAgent<Report['families']>(await findAgent(flags), 'diff')
      const same =
        families.length > 0 && families.every(({ tables }) => tables && tables.missing + tables.surplus === 0)
      return { report: { families }, status: same ? 0 : 1 }
    },
    render: renderDiff,
  })
}

function renderDiff({ families }: Report): string {
  const lines = families.flatMap(({ family, tables }) => {
    const name = family === 'ipv4' ? 'IPv4' : 'IPv6'
    if (tables === undefined) return [`# ${name}: nothing to compare with yet: vtepd status says what is missing`]
    const { commands, missing, surplus, complete } = tables
    const partly = complete ? '' : '; the view is not complete, so nothing counts as too much'
    const rest = missing + surplus - commands.length
    return [
      `# ${name}: ${missing} missing or altered, ${surplus} too many${partly}`,
      ...commands,
      ...(rest > 0 ? [`# and ${rest} more`] : []),
    ]
  })
  return lines.length === 0 ? '# the agent has only just started\n' : `${lines.join('\n')}\n`
}
