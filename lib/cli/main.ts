#!/usr/bin/env node
/**
 * Entry of the command `vtepd`: chooses the command and loads only that one (asking for help must cost nothing).
 * Must not: read flags of a command, or do any of its work.
 */
import { setFlagsFromString } from 'node:v8'
import { complain, output, outputWritten, writeJson } from '../host/output.ts'
import { ANSWERED_AT_ONCE, COMMANDS, type CommandEntry } from './command-list.ts'
import { renderHelp } from './help.ts'
import { v8Flags } from './v8-flags.ts'

for (const flag of v8Flags(process.versions.v8)) setFlagsFromString(flag)

const entryOf = (name: string | undefined): CommandEntry | undefined => COMMANDS.find((entry) => entry.name === name)

async function main(argv: readonly string[]): Promise<number> {
  const [first, ...rest] = argv
  if (first === undefined) return argumentsMissing()
  if (/^--?(h|help)$/.test(first)) return helpCommand([])
  if (/^--?version$/.test(first) || first === '-V') return versionCommand()
  if (first === 'version') return versionCommand(rest)
  if (first === 'help') return helpCommand(rest)
  const entry = entryOf(first)
  if (entry !== undefined) return (await entry.load())(rest)
  if (first.startsWith('-')) return (await import('./commands/run.ts')).runCommand(argv)
  return unknownCommand(first)
}

/** flanneld can be configured by its environment alone. */
async function argumentsMissing(): Promise<number> {
  if (Object.keys(process.env).some((name) => name.startsWith('FLANNELD_')))
    return (await import('./commands/run.ts')).runCommand([])
  complain(renderHelp())
  return 2
}

async function helpCommand(argv: readonly string[]): Promise<number> {
  const [topic] = argv
  const entry = entryOf(topic)
  if (entry !== undefined) return (await entry.load())(['--help'])
  if (topic !== undefined && !ANSWERED_AT_ONCE.some(({ name }) => name === topic)) return unknownCommand(topic)
  output.write(renderHelp())
  return 0
}

async function versionCommand(argv: readonly string[] = []): Promise<number> {
  const { versionReport, versionText } = await import('./version.ts')
  if (argv.some((word) => /^--?json$/.test(word))) writeJson(versionReport())
  else output.write(versionText())
  return 0
}

async function unknownCommand(name: string): Promise<number> {
  const { suggestion } = await import('./suggestion.ts')
  const near = suggestion(
    name,
    [...COMMANDS, ...ANSWERED_AT_ONCE].map((entry) => entry.name),
  )
  complain(`vtepd: '${name}' is not a command${near} (vtepd help lists them)\n`)
  return 2
}

async function reported(run: () => Promise<number>): Promise<number> {
  try {
    return await run()
  } catch (error) {
    return (await import('./failure.ts')).reportFailure(error)
  }
}

const status = await reported(() => main(process.argv.slice(2)))
await outputWritten()
// Open handles must not keep us here.
process.exit(status)
