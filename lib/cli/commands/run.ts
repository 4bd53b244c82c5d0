/**
 * `vtepd run`: flags → config → agent → exit status.
 * Must not: do any of the agent's work, nor remove anything at the end (design decision 14).
 */

import { readFileSync } from 'node:fs'
import { ConfigError } from '../../errors.ts'
import { systemClock } from '../../host/clock.ts'
import { createLog } from '../../host/log.ts'
import { complain, output, writeJson } from '../../host/output.ts'
import { createSdNotify } from '../../host/sd-notify.ts'
import { printableLines } from '../../util/printable.ts'
import { buildRunConfig, type RunConfig } from '../config.ts'
import type { K3sFindings } from '../k3s/find-k3s.ts'
import { hostFiles } from '../k3s/host-files.ts'
import { prepareHost, refuseBrokenLeasesFile } from '../prepare-host.ts'
import { createRest } from '../rest.ts'
import { collectRunSettings, type RunSettings } from '../run-settings.ts'
import { endOnSurprise, onMoreSignal, onTermination, superviseAgent } from '../supervise.ts'
import { packageVersion, versionText } from '../version.ts'

/** Resolves with the exit status when the agent has ended; throws ConfigError or HostError before anything is touched. */
export async function runCommand(argv: readonly string[]): Promise<number> {
  const readText = (file: string): string => readFileSync(file, 'utf8')
  const settings = await collectRunSettings(argv, { env: process.env, readText, host: () => hostFiles() })
  if (settings.help !== undefined) return print(settings.help)
  const { flags, k3s } = settings
  if (flags.version) return print(versionText())
  const config = buildRunConfig({ ...settings, readText })
  if (flags['print-config']) {
    const { configReport, printText } = await import('../print-config.ts')
    if (!flags.json) return print(printText(settings, config))
    writeJson(configReport(settings, config), 2)
    return 0
  }
  if (flags['dry-run']) return await dryRun(config, flags.json)
  if (flags.json)
    throw new ConfigError('--json', 'is for --print-config and --dry-run; for the log give --log-format=json')
  await prepareHost(config.agent)
  if (k3s !== undefined) process.env.PATH = pathWith(k3s.tools, process.env.PATH)
  return await runAgent(config, settings)
}

async function dryRun(config: RunConfig, json: boolean): Promise<number> {
  const { rehearse } = await import('../dry-run/rehearse.ts')
  const { renderDryRun, reportOf } = await import('../dry-run/report.ts')
  await refuseBrokenLeasesFile(config.agent)
  const report = reportOf(config.agent, await rehearse(config.agent, (waiting) => complain(`vtepd: ${waiting}\n`)))
  const notes = [...config.warnings, ...report.notes]
  if (json) writeJson({ ...report, notes })
  else output.write(printableLines(renderDryRun({ ...report, notes })))
  return report.unchanged && report.waiting === null ? 0 : 1
}

async function runAgent(config: RunConfig, settings: RunSettings): Promise<number> {
  const log = createLog(config.log)
  endOnSurprise(log)
  onMoreSignal(log)
  const told = onTermination()
  const { startAgent } = await import('../../agent/agent.ts')
  const { loadAddon } = await import('../../addon/addon.ts')
  const addon = loadAddon()
  // With 100,000 peers 15 to 30 MiB that were used once would else be kept (CONTRIBUTING.md).
  addon.returnLargeBlocksEarly()
  log.info('run.start', `vtepd ${packageVersion()} starts`, {
    pid: process.pid,
    node: nodeLabel(config),
    leases: config.agent.leases.kind,
  })
  for (const sentence of settings.k3s?.found ?? []) log.info('run.k3s', sentence)
  for (const warning of config.warnings) log.warn('config.warning', warning)
  const agent = startAgent(config.agent, {
    log,
    clock: systemClock,
    version: packageVersion(),
    logLevel: log,
    configuration: async () => (await import('../print-config.ts')).configReport(settings, config),
  })
  const notify = createSdNotify({ send: addon.sendDatagram, clock: systemClock, log })
  const rest = createRest({ clock: systemClock, act: () => addon.returnUnused() })
  return await superviseAgent(agent, { log, notify, rest, told })
}

/** For the programs that the agent runs. Where /sbin is not in PATH, as in a user's, it still goes before k3s' programs. */
function pathWith({ folders, first }: K3sFindings['tools'], own = '/usr/bin:/bin'): string {
  return first ? [...folders, own].join(':') : [own, '/usr/sbin', '/sbin', ...folders].join(':')
}

function nodeLabel({ agent: { leases } }: RunConfig): string {
  if (leases.kind !== 'kube') return leases.nodeName
  return 'name' in leases.node ? leases.node.name : `of pod ${leases.node.podNamespace}/${leases.node.pod}`
}

function print(text: string): 0 {
  output.write(text)
  return 0
}
