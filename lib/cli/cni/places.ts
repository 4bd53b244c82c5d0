/**
 * Where the container runtime of this host looks for CNI configurations and plugins (flannel-contract 8, its last paragraph).
 * Must not: write anything.
 */
import path from 'node:path'
import { readIfExists } from '../../host/files.ts'
import type { CniFlags } from './flags.ts'

/** Where everything of k3s lies unless its --data-dir says otherwise. */
const K3S = '/var/lib/rancher/k3s'

export interface CniPlaces {
  readonly host: 'kubernetes' | 'k3s'
  readonly confDir: string
  readonly binDir: string
  /** Folders that may have plugins to link, the first that has one counts. */
  readonly linkFrom: readonly string[]
  /** The same, of plugins to copy. */
  readonly copyFrom: readonly string[]
  readonly notes: readonly string[]
}

/** Absolute paths. `root` is replaced by tests. */
export async function findPlaces(
  flags: Pick<CniFlags, 'cni-conf-dir' | 'bin-dir' | 'link-from' | 'copy-from'>,
  host: CniPlaces['host'],
  root = '/',
): Promise<CniPlaces> {
  const at = (name: string): string => path.join(root, name)
  const isK3s = host === 'k3s'
  const config = at(isK3s ? `${K3S}/agent/etc/containerd/config.toml` : '/etc/containerd/config.toml')
  const set = settingsIn(await readIfExists(config).catch(() => undefined))
  // k3s writes its file anew at each start, without these once its flannel is off.
  const usual = { confDir: at('/etc/cni/net.d'), binDir: at('/opt/cni/bin') }
  const own = isK3s ? {} : set
  const confDir = flags['cni-conf-dir'] || own.confDir || usual.confDir
  const binDir = flags['bin-dir'] || own.binDir || usual.binDir
  const fromK3s = [at(`${K3S}/data/cni`), at(`${K3S}/data/current/bin`)]
  const linkFrom = flags['link-from'] === '' ? (isK3s ? fromK3s : []) : [flags['link-from']]
  const differs = set.confDir !== undefined && set.confDir !== path.resolve(confDir)
  return {
    host,
    confDir: path.resolve(confDir),
    binDir: path.resolve(binDir),
    linkFrom: linkFrom.map((folder) => path.resolve(folder)),
    copyFrom: flags['copy-from'] === '' ? [] : [path.resolve(flags['copy-from'])],
    notes: differs
      ? [
          `containerd reads ${set.confDir} (${config})${isK3s ? ': k3s runs with its own flannel, and reads the place above once it is started with --flannel-backend=none' : ''}`,
        ]
      : [],
  }
}

/** Of a containerd configuration, of version 2 or 3; a bin_dirs list counts by its first. */
function settingsIn(toml: string | undefined): { readonly confDir?: string; readonly binDir?: string } {
  const found = (pattern: RegExp): string | undefined => pattern.exec(toml ?? '')?.[1]
  const confDir = found(/^\s*conf_dir\s*=\s*['"]([^'"]+)['"]/m)
  const binDir = found(/^\s*bin_dirs?\s*=\s*\[?\s*['"]([^'"]+)['"]/m)
  return { ...(confDir && { confDir }), ...(binDir && { binDir }) }
}

/** `k3s` where its folder is. */
export async function hostOf(
  list: (folder: string) => Promise<readonly string[]>,
  root = '/',
): Promise<CniPlaces['host']> {
  return (await list(path.join(root, K3S))).length > 0 ? 'k3s' : 'kubernetes'
}
