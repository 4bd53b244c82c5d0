/**
 * What a command that clears away after an agent is about: which VNIs, what is there, and which of it an agent still keeps. Shared by
 * `cleanup` and `release`. Must not: remove anything.
 */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { parseNetwork } from '../../cluster/net-conf.ts'
import type { Network } from '../../cluster/network.ts'
import { ConfigError, HostError, LockedError } from '../../errors.ts'
import { hasNetAdmin, NET_ADMIN_MISSING } from '../../host/capabilities.ts'
import { isMissing } from '../../host/files.ts'
import { askHolder } from '../../host/lock.ts'
import { parseVni } from '../../net/vni.ts'
import type { Rtnl } from '../../rtnl/port.ts'
import { messageOf } from '../../util/message-of.ts'
import type { Failure, KernelFacts } from './facts.ts'
import { observeKernel } from './kernel.ts'
import { type CleanupScope, decideScope } from './scope.ts'
import { readState } from './state.ts'

/** Flags that both commands have. */
export interface TaskFlags {
  readonly vni: string
  readonly 'dry-run': boolean
  readonly 'net-config-path': string
  readonly 'state-dir': string
}

export interface TaskOptions {
  readonly routesOnly: boolean
  readonly force: boolean
  /** Stands behind who keeps a device, where that ends the command: what else could be done. */
  readonly remedy: string
}

export interface Task {
  readonly scope: CleanupScope
  readonly facts: KernelFacts
  /** What is said beside what the plans say. */
  readonly failures: readonly Failure[]
  readonly notes: readonly string[]
}

/** Finds out what it is about. Throws ConfigError for flags, LockedError while an agent keeps all of it, HostError without rights. */
export async function prepareTask(rtnl: Rtnl, flags: TaskFlags, options: TaskOptions): Promise<Task> {
  const asked = vniOf(flags)
  const netConf = readNetConf(flags['net-config-path'])
  const state = await readState(flags['state-dir'])
  const facts = await observeKernel(rtnl)
  const { scope, running, refused } = decideScope({ asked, netConf, state, locked: lockedDevices(), facts }, options)
  const notes = [...(netConf instanceof Error ? [`not used: ${netConf.message}`] : []), ...state.notes]
  if (refused !== undefined) {
    const holder = await holderOf(refused)
    if (!flags['dry-run']) throw new LockedError(refused, `${holder}${options.remedy}`)
    notes.push(`${refused} is kept by ${holder}: nothing is done until that is stopped`)
  }
  if (!flags['dry-run'] && !hasNetAdmin()) throw new HostError(NET_ADMIN_MISSING)
  const failures: Failure[] = []
  for (const subject of running)
    failures.push({ kind: 'device', subject, because: `${await holderOf(subject)} keeps it: stop that one first` })
  return { scope, facts, failures, notes }
}

/** The lock's name alone tells that an agent lives, also one that is too busy to answer who it is. */
async function holderOf(device: string): Promise<string> {
  return (await askHolder(device)) ?? 'a vtepd that does not answer'
}

/** /proc/net/unix shows this network namespace's sockets; an abstract name as `@vtepd/flannel.1`, its zero bytes as more @. */
function lockedDevices(): ReadonlySet<string> {
  const sockets = readFileSync('/proc/net/unix', 'utf8').split('\n')
  return new Set(sockets.flatMap((line) => / @vtepd\/(\S+?)@*$/.exec(line)?.[1] ?? []))
}

function vniOf(flags: TaskFlags): number | undefined {
  if (flags.vni === '') return undefined
  try {
    return parseVni(Number(flags.vni))
  } catch (error) {
    throw new ConfigError('--vni', error instanceof RangeError ? error.message : String(error), { cause: error })
  }
}

/** undefined: there is none. An error is for the caller to weigh: other things may tell what is ours. */
function readNetConf(file: string): Network | ConfigError | undefined {
  const where = path.resolve(file)
  try {
    return parseNetwork(readFileSync(where, 'utf8'), where).network
  } catch (error) {
    if (error instanceof ConfigError) return error
    return isMissing(error) ? undefined : new ConfigError(where, messageOf(error), { cause: error })
  }
}
