/**
 * A command that does one thing and reports it: the help text or the work, one JSON object or text for people, an exit status.
 * Must not: know what any of them does.
 */
import { output, writeJson } from '../host/output.ts'
import type { CommandAbout } from './flag-help.ts'
import type { FlagSpec, FlagValues } from './flag-spec.ts'
import { parseFlags } from './parse-flags.ts'

export interface Reported<Report> {
  readonly report: Report
  readonly status: 0 | 1
}

/** Resolves with the exit status. Rejects with what `work` does, and with ConfigError for flags. */
export async function reportCommand<const Table extends readonly FlagSpec[], Report extends object>(
  argv: readonly string[],
  command: {
    readonly flags: Table
    readonly about: CommandAbout
    readonly work: (
      flags: FlagValues<Table> & { readonly json: boolean },
      words: readonly string[],
    ) => Promise<Reported<Report>>
    readonly render: (report: Report) => string
  },
): Promise<number> {
  const parsed = parseFlags(command.flags, argv, process.env, command.about)
  if (parsed.help !== undefined) {
    output.write(parsed.help)
    return 0
  }
  const flags = parsed.values as FlagValues<Table> & { readonly json: boolean }
  const { report, status } = await command.work(flags, parsed.words)
  if (flags.json) writeJson(report)
  else output.write(command.render(report))
  return status
}
