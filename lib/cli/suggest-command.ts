/** The nearest command for a mistyped one, as commander judges nearness. */
import { Command, CommanderError } from 'commander'

/** `; did you mean run?`, or '' when nothing is near. */
export function suggestCommand(typed: string, names: readonly string[]): string {
  const program = new Command('vtepd').exitOverride().configureOutput({ writeErr: () => {} })
  for (const name of names) program.command(name)
  try {
    program.parse([typed], { from: 'user' })
  } catch (error) {
    const near =
      error instanceof CommanderError ? /\(Did you mean (?:one of )?(.*?)\?\)/s.exec(error.message)?.[1] : undefined
    return near === undefined ? '' : `; did you mean ${near}?`
  }
  return ''
}
