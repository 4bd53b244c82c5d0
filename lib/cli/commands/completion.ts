/** `vtepd completion SHELL`, and `vtepd completion man COMMAND`: both from the one list of commands. Must not: know a flag itself. */

import { ConfigError } from '../../errors.ts'
import { output } from '../../host/output.ts'
import { COMMANDS } from '../command-list.ts'
import { manPage } from '../completion/man-page.ts'
import { bashCompletion, fishCompletion, zshCompletion } from '../completion/scripts.ts'
import type { FlagSpec } from '../flag-spec.ts'
import { parseFlags } from '../parse-flags.ts'
import { packageVersion } from '../version.ts'

const ABOUT = {
  name: 'vtepd completion',
  words: 'bash|zsh|fish|man COMMAND',
  summary: `Prints what makes a shell complete the commands and flags of vtepd, or the manual page of a command.`,
  footer: `Examples:
  vtepd completion bash > /usr/share/bash-completion/completions/vtepd
  vtepd completion man run | man -l -

Exit status: 0 done, 2 wrong words.`,
} as const

export const COMPLETION = { flags: [] as readonly FlagSpec[], about: ABOUT }

const SHELLS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const

/** Resolves with the exit status; rejects with ConfigError. */
export async function completionCommand(argv: readonly string[]): Promise<number> {
  const parsed = parseFlags(COMPLETION.flags, argv, {}, ABOUT)
  if (parsed.help !== undefined) return print(parsed.help)
  const [what = '', name, ...more] = parsed.words
  if (what === 'man' && more.length === 0) return print(await manualOf(name))
  if (!Object.hasOwn(SHELLS, what) || name !== undefined)
    throw new ConfigError(`argument '${parsed.words.join(' ')}'`, 'give bash, zsh, fish, or man and a command')
  const described = await Promise.all(COMMANDS.map(async (entry) => ({ ...entry, ...(await entry.describe()) })))
  return print(SHELLS[what as keyof typeof SHELLS](described))
}

async function manualOf(name: string | undefined): Promise<string> {
  const entry = COMMANDS.find((one) => one.name === name)
  if (entry === undefined)
    throw new ConfigError(`argument '${name ?? ''}'`, `is no command: ${COMMANDS.map((one) => one.name).join(', ')}`)
  const seconds = Number(process.env.SOURCE_DATE_EPOCH ?? Date.now() / 1000)
  const date = new Date(seconds * 1000).toISOString().slice(0, 10)
  return manPage(await entry.describe(), { version: packageVersion(), date })
}

function print(text: string): 0 {
  output.write(text)
  return 0
}
