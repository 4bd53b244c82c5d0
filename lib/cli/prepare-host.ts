/**
 * What has to be so on this host before an agent starts: checked, or made where it is a folder. Must not: touch the network.
 */
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import type { AgentConfig } from '../agent/config.ts'
import { ConfigError, HostError } from '../errors.ts'
import { hasNetAdmin, NET_ADMIN_MISSING } from '../host/capabilities.ts'
import { refuseOldKernel } from './old-kernel.ts'

/** Rejects with HostError or ConfigError. */
export async function prepareHost(config: AgentConfig): Promise<void> {
  if (!hasNetAdmin()) throw new HostError(NET_ADMIN_MISSING)
  const { openRtnl } = await import('../rtnl/native.ts')
  await refuseOldKernel(openRtnl)
  await refuseBrokenLeasesFile(config)
  makeFolders(config)
}

/**
 * A file that is broken when the agent starts is a mistake of whoever starts it; one that is missing may still come, and
 * one that breaks later is reported while the last good view stays.
 */
export async function refuseBrokenLeasesFile({ leases, network }: AgentConfig): Promise<void> {
  if (leases.kind !== 'file') return
  const { readIfExists } = await import('../host/files.ts')
  const { parseLeasesFile } = await import('../leases/leases-file.ts')
  const text = await readIfExists(leases.path).catch(() => undefined)
  if (text !== undefined) await parseLeasesFile(text, leases.path, leases.nodeName, network.backend.type)
}

function makeFolders(agent: AgentConfig): void {
  const folders = {
    'subnet-file': path.dirname(agent.subnetFile),
    'state-dir': agent.stateDir,
    ...(agent.conflist === undefined ? {} : { 'cni-conf-dir': path.dirname(agent.conflist.path) }),
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
