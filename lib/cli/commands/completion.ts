/** `vtepd completion SHELL`, `man [COMMAND]`, `files FOLDER`: all from the one list of commands. Must not: know a flag itself. */

import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { ConfigError, HostError } from '../../errors.ts'
import { complain, output } from '../../host/output.ts'
import { messageOf } from '../../util/message-of.ts'
import { COMMANDS } from '../command-list.ts'
import { manPage, overviewPage, type PageAbout } from '../completion/man-page.ts'
import { bashCompletion, fishCompletion, zshCompletion } from '../completion/scripts.ts'
import { sharedFiles } from '../completion/shared-files.ts'
import type { FlagSpec } from '../flag-spec.ts'
import { parseFlags } from '../parse-flags.ts'
import { packageVersion } from '../version.ts'

const ABOUT = {
  name: 'vtepd completion',
  words: 'bash|zsh|fish|man [COMMAND]|files FOLDER',
  summary: `Prints what makes a shell complete the commands and flags of vtepd, or a manual page; or writes all of them as files
below a folder, as they belong below /usr/local/share.`,
  footer: `Examples:
  vtepd completion bash > /usr/share/bash-completion/completions/vtepd
  vtepd completion man run | man -l -
  vtepd completion files /usr/local/share

Exit status: 0 done, 1 a file could not be written, 2 wrong words.`,
} as const

export const COMPLETION = { flags: [] as readonly FlagSpec[], about: ABOUT }

const SHELLS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const

/** Resolves with the exit status; rejects with ConfigError. */
export async function completionCommand(argv: readonly string[]): Promise<number> {
  const parsed = parseFlags(COMPLETION.flags, argv, {}, ABOUT)
  if (parsed.help !== undefined) return print(parsed.help)
  const [what = '', name, ...more] = parsed.words
  if (what === 'man' && more.length === 0) return print(await manualOf(name))
  if (what === 'files' && name !== undefined && more.length === 0) return await writeFiles(path.resolve(name))
  if (!Object.hasOwn(SHELLS, what) || name !== undefined)
    throw new ConfigError(`argument '${parsed.words.join(' ')}'`, 'give bash, zsh, fish, man, or files and a folder')
  return print(SHELLS[what as keyof typeof SHELLS](await describedCommands()))
}

async function describedCommands() {
  return await Promise.all(COMMANDS.map(async (entry) => ({ ...entry, ...(await entry.describe()) })))
}

function pageAbout(): PageAbout {
  const seconds = Number(process.env.SOURCE_DATE_EPOCH ?? Date.now() / 1000)
  return { version: packageVersion(), date: new Date(seconds * 1000).toISOString().slice(0, 10) }
}

async function writeFiles(folder: string): Promise<0> {
  const files = sharedFiles(await describedCommands(), pageAbout())
  for (const [name, text] of files) {
    const file = path.join(folder, name)
    try {
      await mkdir(path.dirname(file), { recursive: true })
      await writeFile(file, text)
    } catch (error) {
      throw new HostError(`${file} cannot be written: ${messageOf(error)}`, { cause: error })
    }
  }
  complain(`${files.size} files below ${folder}\n`)
  return 0
}

async function manualOf(name: string | undefined): Promise<string> {
  if (name === undefined) return overviewPage(COMMANDS, pageAbout())
  const entry = COMMANDS.find((one) => one.name === name)
  if (entry === undefined)
    throw new ConfigError(`argument '${name}'`, `is no command: ${COMMANDS.map((one) => one.name).join(', ')}`)
  return manPage(await entry.describe(), pageAbout())
}

function print(text: string): 0 {
  output.write(text)
  return 0
}
