/**
 * Looks for another program that keeps flannel's device in this network namespace: flanneld, or a k3s whose own flannel is
 * on. Two of them would undo each other's routes for ever.
 * Must not: be taken for proof; a process of another PID namespace (a pod without hostPID) is not seen.
 */
import { readdir, readFile, readlink, stat } from 'node:fs/promises'

/** Where k3s writes the net-conf of its flannel at every start with flannel on (kubernetes-notes, "Rights and k3s"). */
export const K3S_NET_CONF = '/var/lib/rancher/k3s/agent/etc/flannel/net-conf.json'

export interface RivalPlaces {
  readonly proc: string
  readonly k3sNetConf: string
}

/** `flanneld (process 812)`, or undefined when none is seen. */
export async function findRival(
  places: RivalPlaces = { proc: '/proc', k3sNetConf: K3S_NET_CONF },
): Promise<string | undefined> {
  const { proc } = places
  const ours = await readlink(`${proc}/self/ns/net`).catch(() => undefined)
  if (ours === undefined) return undefined
  for (const pid of await readdir(proc).catch(() => [])) {
    if (!/^[0-9]+$/.test(pid)) continue
    const name = (await readFile(`${proc}/${pid}/comm`, 'utf8').catch(() => '')).trim()
    const flanneld = name === 'flanneld'
    // k3s names its main process k3s-server or k3s-agent.
    if (!flanneld && !/^k3s(-server|-agent)?$/.test(name)) continue
    if ((await readlink(`${proc}/${pid}/ns/net`).catch(() => undefined)) !== ours) continue
    if (flanneld) return `flanneld (process ${pid})`
    if (await wroteNetConf(`${proc}/${pid}`, places.k3sNetConf)) return `the flannel inside ${name} (process ${pid})`
  }
  return undefined
}

/** k3s with `--flannel-backend=none` leaves an older file as it was; one that is younger than the process is its own. */
async function wroteNetConf(processFolder: string, netConf: string): Promise<boolean> {
  try {
    const [written, started] = [await stat(netConf), await stat(processFolder)]
    return written.mtimeMs >= started.ctimeMs
  } catch {
    return false
  }
}
