/**
 * `vtepd run`: flags → config → agent → exit status.
 * Must not: do any of the agent's work, nor remove anything at the end (design decision 14).
 */
import { mkdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { ConfigError, HostError } from '../../errors.ts'
import { hasNetAdmin, NET_ADMIN_MISSING } from '../../host/capabilities.ts'
import { systemClock } from '../../host/clock.ts'
import { createLog } from '../../host/log.ts'
import { createSdNotify } from '../../host/sd-notify.ts'
import { buildRunConfig, type RunConfig } from '../config.ts'
import { parseFlags } from '../parse-flags.ts'
import { RUN_ABOUT, RUN_FLAGS } from '../run-flags.ts'
import { endOnSurprise, onTermination, superviseAgent } from '../supervise.ts'
import { packageVersion } from '../version.ts'

/** Resolves with the exit status when the agent has ended; throws ConfigError or HostError before anything is touched. */
export async function runCommand(argv: readonly string[]): Promise<number> {
  const parsed = parseFlags(RUN_FLAGS, argv, process.env, RUN_ABOUT)
  if (parsed.help !== undefined) return print(parsed.help)
  if (parsed.values.version) return print(`vtepd ${packageVersion()}\n`)
  const { values: flags, given } = parsed
  const config = buildRunConfig({ flags, given, env: process.env, readText: (file) => readFileSync(file, 'utf8') })
  if (!hasNetAdmin()) throw new HostError(NET_ADMIN_MISSING)
  await refuseBrokenLeasesFile(config)
  makeFolders(config)
  return await runAgent(config)
}

async function runAgent(config: RunConfig): Promise<number> {
  const log = createLog(config.log)
  endOnSurprise(log)
  const told = onTermination()
  const { startAgent } = await import('../../agent/agent.ts')
  const { loadAddon } = await import('../../rtnl/addon.ts')
  const addon = loadAddon()
  // With 100,000 peers 15 to 30 MiB that were used once would else be kept (docs/development.md).
  addon.returnLargeBlocksEarly()
  log.info('run.start', `vtepd ${packageVersion()} starts`, {
    pid: process.pid,
    node: nodeLabel(config),
    leases: config.agent.leases.kind,
  })
  for (const warning of config.warnings) log.warn('config.warning', warning)
  const agent = startAgent(config.agent, { log, clock: systemClock })
  const notify = createSdNotify({ send: addon.sendDatagram, clock: systemClock, log })
  return await superviseAgent(agent, { log, notify, told })
}

/**
 * A file that is broken when the agent starts is a mistake of whoever starts it; one that is missing may still come, and
 * one that breaks later is reported while the last good view stays.
 */
async function refuseBrokenLeasesFile({ agent: { leases, network } }: RunConfig): Promise<void> {
  if (leases.kind !== 'file') return
  const { readIfExists } = await import('../../host/files.ts')
  const { parseLeasesFile } = await import('../../leases/leases-file.ts')
  const text = await readIfExists(leases.path).catch(() => undefined)
  if (text !== undefined) await parseLeasesFile(text, leases.path, leases.nodeName, network.backend.type)
}

function makeFolders({ agent }: RunConfig): void {
  const folders = {
    'subnet-file': path.dirname(agent.subnetFile),
    'state-dir': agent.stateDir,
  }
  for (const [flag, folder] of Object.entries(folders)) {
    try {
      mkdirSync(folder, { recursive: true, mode: 0o755 })
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : String(error)
      throw new ConfigError(`--${flag}`, `the folder ${folder} cannot be made (${code}); give another one`, {
        cause: error,
      })
    }
  }
}

function nodeLabel({ agent: { leases } }: RunConfig): string {
  if (leases.kind === 'file') return leases.nodeName
  return 'name' in leases.node ? leases.node.name : `of pod ${leases.node.podNamespace}/${leases.node.pod}`
}

function print(text: string): 0 {
  process.stdout.write(text)
  return 0
}
