#!/usr/bin/env node
/**
 * Entry of the command `vtepd`: chooses the command and loads only that one (asking for help must cost nothing).
 * Must not: read flags of a command, or do any of its work.
 */
import { setFlagsFromString } from 'node:v8'
import { HELP } from './help.ts'
import { v8Flags } from './v8-flags.ts'

for (const flag of v8Flags(process.versions.v8)) setFlagsFromString(flag)

type Command = (argv: readonly string[]) => Promise<number>

const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  run: async () => (await import('./commands/run.ts')).runCommand,
  status: async () => (await import('./commands/status.ts')).statusCommand,
  peers: async () => (await import('./commands/peers.ts')).peersCommand,
  diff: async () => (await import('./commands/diff.ts')).diffCommand,
  explain: async () => (await import('./commands/explain.ts')).explainCommand,
  'log-level': async () => (await import('./commands/log-level.ts')).logLevelCommand,
  check: async () => (await import('./commands/check.ts')).checkCommand,
  events: async () => (await import('./commands/events.ts')).eventsCommand,
  cleanup: async () => (await import('./commands/cleanup.ts')).cleanupCommand,
  release: async () => (await import('./commands/release.ts')).releaseCommand,
  cni: async () => (await import('./commands/cni.ts')).cniCommand,
  mirror: async () => (await import('./commands/mirror.ts')).mirrorCommand,
  sysctls: async () => (await import('./commands/sysctls.ts')).sysctlsCommand,
  lab: async () => (await import('./commands/lab.ts')).runLabCommand,
  version: async () => versionCommand,
  help: async () => helpCommand,
}

async function main(argv: readonly string[]): Promise<number> {
  const [first, ...rest] = argv
  if (first === undefined) return argumentsMissing()
  if (/^--?(h|help)$/.test(first)) return helpCommand([])
  if (/^--?version$/.test(first) || first === '-V') return versionCommand()
  const load = Object.hasOwn(COMMANDS, first) ? COMMANDS[first] : undefined
  if (load !== undefined) return (await load())(rest)
  if (first.startsWith('-')) return (await import('./commands/run.ts')).runCommand(argv)
  return unknownCommand(first)
}

/** flanneld can be configured by its environment alone. */
async function argumentsMissing(): Promise<number> {
  if (Object.keys(process.env).some((name) => name.startsWith('FLANNELD_')))
    return (await import('./commands/run.ts')).runCommand([])
  await complain(HELP)
  return 2
}

async function helpCommand(argv: readonly string[]): Promise<number> {
  const [topic] = argv
  const load = topic === undefined || ['help', 'version'].includes(topic) ? undefined : COMMANDS[topic]
  if (load !== undefined) return (await load())(['--help'])
  if (topic !== undefined && !Object.hasOwn(COMMANDS, topic)) return unknownCommand(topic)
  process.stdout.write(HELP)
  return 0
}

async function versionCommand(): Promise<number> {
  const { versionText } = await import('./version.ts')
  process.stdout.write(versionText())
  return 0
}

async function unknownCommand(name: string): Promise<number> {
  const { suggestion } = await import('./suggestion.ts')
  const near = suggestion(name, Object.keys(COMMANDS))
  await complain(`vtepd: '${name}' is not a command${near} (vtepd help lists them)\n`)
  return 2
}

async function reported(run: () => Promise<number>): Promise<number> {
  try {
    return await run()
  } catch (error) {
    return (await import('./failure.ts')).reportFailure(error)
  }
}

async function complain(text: string): Promise<void> {
  const { writeStderr } = await import('../host/stderr.ts')
  writeStderr(text)
}

/** A pipe takes at once only what it has room for, and process.exit drops the rest. */
async function written(output: NodeJS.WriteStream): Promise<void> {
  if (output.writableLength === 0) return
  output.on('error', () => {})
  await new Promise<void>((resolve) => output.write('', () => resolve()))
}

const status = await reported(() => main(process.argv.slice(2)))
await written(process.stdout)
// Open handles must not keep us here.
process.exit(status)
