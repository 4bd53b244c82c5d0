/** An error at the end of a command → one line on stderr and the exit status. Must not: end the process itself. */
import { ConfigError, InvariantError, VtepdError } from '../errors.ts'
import { oneLine } from '../host/log-line.ts'
import { complain } from '../host/output.ts'
import { printable, printableLines } from '../util/printable.ts'

/** 0 done · 1 could not be done · 2 wrong flags or configuration, nothing touched. */
export type ExitStatus = 0 | 1 | 2

/** Expected errors read in one line; a bug of ours (InvariantError, anything unknown) shows its stack too. */
export function reportFailure(error: unknown): ExitStatus {
  const expected = error instanceof VtepdError && !(error instanceof InvariantError)
  complain(`vtepd: ${failureLine(error)}\n`)
  if (!expected && error instanceof Error) complain(`${printableLines(error.stack ?? '')}\n`)
  return error instanceof ConfigError ? 2 : 1
}

/** `where: problem`, without line breaks, with the message of the cause where it adds something. */
export function failureLine(error: unknown): string {
  if (!(error instanceof Error)) return printable(String(error))
  const cause =
    error.cause instanceof Error && !error.message.includes(error.cause.message) ? ` (${error.cause.message})` : ''
  return printable(oneLine(`${error.message}${cause}`))
}
