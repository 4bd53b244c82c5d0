/**
 * Keeps the files by which pods get their network: subnet.env, and behind it, where it is asked for, the conflist that the
 * container runtime reads. Owns their order, and names a conflist of somebody else that the runtime would take instead.
 * Must not: remove them, also not at exit (flannel-contract 13).
 */
import path from 'node:path'
import { type ConflistKind, conflistsBefore, keepConflist, renderConflist } from '../cni/conflist.ts'
import { renderSubnetEnv, type SubnetEnv } from '../cni/subnet-env.ts'
import type { Clock } from '../util/clock.ts'
import type { Log } from '../util/log.ts'
import type { StandingLog } from '../util/standing-log.ts'
import type { Checked } from './checks.ts'
import { createKeptFile, type FilePorts } from './kept-file.ts'

export interface CniFiles extends Checked {
  /** Whether the files on disk say the truth, as far as the last looks know: pods can be started. */
  readonly written: boolean
  mark(): void
  stop(): Promise<void>
}

/** Where the runtime looks for a conflist, and what stands in it. */
export interface ConflistConfig {
  readonly kind: ConflistKind
  /** Its folder is what the runtime reads, e.g. /etc/cni/net.d/10-flannel.conflist. */
  readonly path: string
}

export interface CniFilesParts {
  /** Of subnet.env. */
  readonly path: string
  /** undefined: others install the conflist. */
  readonly conflist: ConflistConfig | undefined
  /** The truth of this moment; undefined: not known yet. */
  readonly content: () => SubnetEnv | undefined
  readonly files: FilePorts
  /** Names in a folder; none where it cannot be read. */
  readonly list: (folder: string) => Promise<readonly string[]>
  readonly clock: Clock
  readonly log: Log
  readonly standing: StandingLog
  /** `written` or a check changed. */
  readonly onChange: () => void
}

export function createCniFiles(parts: CniFilesParts): CniFiles {
  const { content, conflist: wanted } = parts
  const subnetEnv = createKeptFile({
    ...parts,
    mode: 0o644,
    content: () => {
      const env = content()
      return env && renderSubnetEnv(env)
    },
    onWrite: (level) => parts.log[level]('cni.subnet-env', `Wrote subnet file to ${parts.path}`),
    failed: 'cni.subnet-env-failed',
    onChange: () => {
      conflist?.mark()
      parts.onChange()
    },
  })
  const conflist = wanted && createConflist(parts, wanted, () => subnetEnv.fault === undefined)
  const kept = [subnetEnv, ...(conflist === undefined ? [] : [conflist])]
  return {
    get written() {
      return kept.every(({ fault }) => fault === undefined)
    },
    get checks() {
      return kept.map(({ fault }) => ({ name: 'cni', fault }))
    },
    mark() {
      for (const file of kept) file.mark()
    },
    async stop() {
      await Promise.all(kept.map((file) => file.stop()))
    },
  }
}

/** With it the runtime takes the network for ready, so it comes behind subnet.env, which the flannel plugin needs. */
function createConflist(parts: CniFilesParts, { kind, path: file }: ConflistConfig, mayCome: () => boolean) {
  let told = ''
  const nameOthers = async (): Promise<void> => {
    const before = conflistsBefore(await parts.list(path.dirname(file)), path.basename(file)).join(', ')
    if (before !== told && before !== '')
      parts.log.warn(
        'cni.not-first',
        `${before} in ${path.dirname(file)} comes before ${path.basename(file)}: the container runtime takes the first, so pods get that network; remove it unless it hands over to ours, as multus does`,
      )
    told = before
  }
  return createKeptFile({
    ...parts,
    path: file,
    // Hardening guides close it (CIS Kubernetes Benchmark: 600), and who chains a plugin writes it with a mode of its own.
    content: (now) => {
      const env = parts.content()
      return env === undefined || !mayCome() ? undefined : keepConflist(now, renderConflist(kind, env))
    },
    onWrite: (level) => parts.log[level]('cni.conflist', `Wrote CNI configuration to ${file}`),
    failed: 'cni.conflist-failed',
    files: {
      ...parts.files,
      read: async (name, mode) => {
        await nameOthers()
        return await parts.files.read(name, mode)
      },
    },
  })
}
