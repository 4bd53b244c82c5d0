/** Where k3s keeps what concerns the overlay: its data, its programs, the places of CNI. Must not: write there. */
import { ConfigError } from '../../errors.ts'
import type { HostFiles } from './host-files.ts'
import type { K3sSettings, Told } from './settings.ts'

export const DEFAULT_DATA_DIR = '/var/lib/rancher/k3s'

/** Programs that k3s brings: nft and iptables are among them. */
export interface K3sTools {
  readonly folders: readonly string[]
  /** They go before the host's own. */
  readonly first: boolean
}

/** k3s' wrapper puts the folder of its programs into K3S_DATA_DIR for what it starts. */
export function findDataDir(settings: K3sSettings): Told<string> {
  const told = settings.text('data-dir')
  const value = (told?.value ?? DEFAULT_DATA_DIR).replace(/\/data\/[0-9a-f]{32,}\/?$/, '').replace(/(?<=.)\/+$/, '')
  if (!value.startsWith('/')) throw new ConfigError(told?.from ?? '--k3s', `'${value}' is no absolute path`)
  return { value, from: told?.from ?? 'default' }
}

/** Where the flannel inside k3s writes its network. */
export function flannelConf(dataDir: string): string {
  return `${dataDir}/agent/etc/flannel/net-conf.json`
}

/** containerd's own places, as k3s names its folders to it only while its flannel is on (flannel-contract 8). */
export function cniFound(files: HostFiles, settings: K3sSettings, dataDir: string): readonly string[] {
  const plugins = files.exists(`${dataDir}/data/cni`) ? `${dataDir}/data/cni` : `${programs(files, dataDir) ?? dataDir}`
  const copy = settings.text('flannel-cni-conf')
  const runtime = settings.text('container-runtime-endpoint')
  const reader =
    runtime === undefined
      ? "with its flannel off, k3s' containerd reads /etc/cni/net.d and runs /opt/cni/bin"
      : `the runtime at ${runtime.value} (${runtime.from}) has its own folders, by default /etc/cni/net.d and /opt/cni/bin`
  return [
    `CNI: ${reader}; k3s' own plugins are in ${plugins} (vtepd cni install --paths=k3s links them)`,
    ...(copy === undefined
      ? []
      : [
          `CNI: ${copy.value} (${copy.from}) is to be /etc/cni/net.d/10-flannel.conflist: k3s does not copy it any more`,
        ]),
  ]
}

export function findTools(files: HostFiles, settings: K3sSettings, dataDir: string): K3sTools {
  const bin = programs(files, dataDir)
  const folders = bin === undefined ? [] : [bin, `${bin}/aux`].filter((folder) => files.exists(folder))
  return { folders, first: settings.on('prefer-bundled-bin')?.value ?? false }
}

/** `data/current/bin`, whose link an upgrade moves; older k3s has nothing but data/HASH. */
function programs(files: HostFiles, dataDir: string): string | undefined {
  const hashes = files.list(`${dataDir}/data`).filter((name) => /^[0-9a-f]{32,}$/.test(name))
  return ['current', ...hashes].map((name) => `${dataDir}/data/${name}/bin`).find((folder) => files.exists(folder))
}
