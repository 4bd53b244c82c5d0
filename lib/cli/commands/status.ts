/**
 * `vtepd status`: one screen of how the running agent is. Must not: find out anything itself; the agent is asked.
 */

import type { AgentReport } from '../../agent/window/report.ts'
import { output, writeJson } from '../../host/output.ts'
import { styleOf } from '../../util/style.ts'
import type { FlagSpec } from '../flag-spec.ts'
import { reportCommand } from '../report-command.ts'
import { askAgent, findAgent } from '../window/ask.ts'
import { HOW, WINDOW_FLAGS, WINDOW_FOOTER } from '../window/flags.ts'
import { renderStatus } from '../window/render-status.ts'

const FLAGS = [
  ...WINDOW_FLAGS,
  { name: 'watch', kind: 'bool', default: false, group: HOW, help: 'again every second, until told to end' },
] as const satisfies readonly FlagSpec[]

const ABOUT = {
  name: 'vtepd status',
  summary: `How the agent on this host is: each family's device, underlay and peers, what was repaired last and why, what keeps it
from being ready, and what lasts, with the remedy.`,
  footer: `${WINDOW_FOOTER}

Examples:
  vtepd status
  vtepd status --watch
  vtepd status --json | jq .families[].peers

Exit status: 0 ready, 1 not ready or no agent to ask, 2 wrong flags.`,
} as const

export const STATUS = { flags: FLAGS, about: ABOUT }

const AGAIN_MS = 1000

/** Resolves with the exit status; rejects with HostError where no agent answers. */
export function statusCommand(argv: readonly string[]): Promise<number> {
  const render = (report: AgentReport): string => renderStatus(report, styleOf(output, process.env), new Date())
  return reportCommand(argv, {
    ...STATUS,
    async work(flags) {
      const agent = await findAgent(flags)
      let report = await askAgent<AgentReport>(agent, 'status')
      while (flags.watch) {
        if (flags.json) writeJson(report)
        else output.write(`${clearing()}${render(report)}`)
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS))
        report = await askAgent<AgentReport>(agent, 'status')
      }
      return { report, status: report.ready ? 0 : 1 }
    },
    render,
  })
}

/** On a terminal each screen replaces the one before. */
function clearing(): string {
  return output.isTTY && process.env.TERM !== 'dumb' ? '\x1b[H\x1b[2J' : ''
}
