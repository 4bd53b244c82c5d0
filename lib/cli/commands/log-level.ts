/** `vtepd log-level LEVEL`: makes the running agent say more, or less, until it ends. Must not: touch its configuration. */
import { ConfigError } from '../../errors.ts'
import { oneOf } from '../flag-values.ts'
import { reportCommand } from '../report-command.ts'
import { findAgent, tellAgent } from '../window/ask.ts'
import { WINDOW_FLAGS, WINDOW_FOOTER } from '../window/flags.ts'

const ABOUT = {
  name: 'vtepd log-level',
  words: 'debug|info|warn|error',
  summary: `Sets what the agent on this host writes to its log, until it ends or is told otherwise. SIGUSR2 does the same: debug, and back.`,
  footer: `${WINDOW_FOOTER}

Example:
  vtepd log-level debug

Exit status: 0 done, 1 no agent to tell, 2 wrong flags.`,
} as const

export const LOG_LEVEL = { flags: WINDOW_FLAGS, about: ABOUT }

export interface Report {
  readonly before: string
  readonly level: string
}

/** Resolves with the exit status; rejects with HostError where no agent answers. */
export function logLevelCommand(argv: readonly string[]): Promise<number> {
  return reportCommand(argv, {
    ...LOG_LEVEL,
    async work(flags, words) {
      const [word = '', ...more] = words
      if (more.length > 0) throw new ConfigError(`argument '${more[0]}'`, 'give one level')
      const level = oneOf('level', word, ['debug', 'info', 'warn', 'error'])
      return { report: await tellAgent<Report>(await findAgent(flags), `log-level?level=${level}`), status: 0 }
    },
    render: ({ before, level }) => `${level}, before it was ${before}\n`,
  })
}
