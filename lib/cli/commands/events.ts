/**
 * `vtepd events`: what the running agent said lately, and, followed, what it says. Must not: interpret it.
 */

import type { JournalEntry } from '../../agent/window/journal.ts'
import { output, writeJson } from '../../host/output.ts'
import type { FlagSpec } from '../flag-spec.ts'
import { parseFlags } from '../parse-flags.ts'
import { askAgent, findAgent, followAgent } from '../window/ask.ts'
import { HOW, WINDOW_FLAGS, WINDOW_FOOTER } from '../window/flags.ts'

const FLAGS = [
  ...WINDOW_FLAGS,
  { name: 'follow', kind: 'bool', default: false, group: HOW, help: 'go on until told to end' },
] as const satisfies readonly FlagSpec[]

const ABOUT = {
  name: 'vtepd events',
  summary: `What the agent on this host said lately, oldest first: transitions of the device, repairs, changes of the cluster, faults. The
last 500 lines of its log without those of level debug; docs/errors.md explains each name.`,
  footer: `${WINDOW_FOOTER}

Examples:
  vtepd events
  vtepd events --follow

Exit status: 0, 1 no agent to ask, 2 wrong flags. --json: one object a line.`,
} as const

export const EVENTS = { flags: FLAGS, about: ABOUT }

/** Resolves with the exit status; rejects with HostError where no agent answers. */
export async function eventsCommand(argv: readonly string[]): Promise<number> {
  const parsed = parseFlags(EVENTS.flags, argv, process.env, EVENTS.about)
  if (parsed.help !== undefined) {
    output.write(parsed.help)
    return 0
  }
  const { values } = parsed
  const agent = await findAgent(values)
  const show = (entry: JournalEntry): void => {
    if (values.json) writeJson(entry)
    else output.write(`${renderEvent(entry)}\n`)
  }
  // Following begins first, so that nothing is missed between the two answers.
  const following = values.follow ? followAgent<JournalEntry>(agent, 'follow') : undefined
  const iterator = following?.[Symbol.asyncIterator]()
  const next = iterator?.next()
  let last = 0
  for (const entry of await askAgent<readonly JournalEntry[]>(agent, 'events')) {
    show(entry)
    last = entry.number
  }
  if (iterator === undefined || next === undefined) return 0
  for (let step = await next; step.done !== true; step = await iterator.next())
    if (step.value.number > last) show(step.value)
  return 0
}

function renderEvent({ time, level, event, family, message }: JournalEntry): string {
  const where = family === undefined ? '' : ` ${family}`
  return `${time} ${level.padEnd(5)} ${event}${where}: ${message}`
}
