/** How a command that goes on running logs. Must not: know which command. */
import type { FlagSpec } from './flag-spec.ts'

/** `group`: the heading under which the help shows them. */
export const logFlags = <Group extends string>(group: Group) =>
  [
    {
      name: 'log-format',
      kind: 'string',
      default: 'text',
      placeholder: 'text|json',
      group,
      help: 'how a log line looks; all go to stderr',
    },
    {
      name: 'log-level',
      kind: 'string',
      default: 'info',
      placeholder: 'level',
      group,
      help: 'debug, info, warn or error',
    },
  ] as const satisfies readonly FlagSpec[]
