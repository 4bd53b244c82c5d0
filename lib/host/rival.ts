/**
 * Looks for another program that keeps flannel's device in this network namespace: flanneld, or a k3s whose own flannel is
 * on. Two of them would undo each other's routes for ever. May be asked at any time.
 * Must not: be taken for proof; a process of another PID namespace (a pod without hostPID), or one that /proc hides
 * (hidepid), is not seen.
 */
import { readdir, readFile, readlink, stat } from 'node:fs/promises'

/** Where k3s writes the net-conf of its flannel at every start with flannel on (flannel-contract 1). */
export const K3S_NET_CONF = '/var/lib/rancher/k3s/agent/etc/flannel/net-conf.json'

/** Clock ticks a second in /proc, the same on every machine that Node runs on (proc(5), USER_HZ). */
const TICKS_PER_SECOND = 100

export interface RivalPlaces {
  readonly proc: string
  readonly k3sNetConf: string
}

export interface Rival {
  /** `flanneld (process 812)`; what could not be told of an uncertain one stands behind the number. */
  readonly name: string
  /** false: it is such a program, but it may belong to another network namespace, or its flannel may be off. */
  readonly certain: boolean
}

/** A certain one before an uncertain one; undefined when none is seen. */
export async function findRival(
  places: RivalPlaces = { proc: '/proc', k3sNetConf: K3S_NET_CONF },
): Promise<Rival | undefined> {
  const ours = await namespaceOf(`${places.proc}/self`)
  let uncertain: Rival | undefined
  for (const pid of await readdir(places.proc).catch(() => [])) {
    const rival = /^[0-9]+$/.test(pid) ? await judge(pid, ours, places) : undefined
    if (rival?.certain === true) return rival
    uncertain ??= rival
  }
  return uncertain
}

async function judge(pid: string, ours: Namespace, { proc, k3sNetConf }: RivalPlaces): Promise<Rival | undefined> {
  const folder = `${proc}/${pid}`
  // Only the line feed is not the name's own: a process may call itself anything.
  const comm = (await readFile(`${folder}/comm`, 'utf8').catch(() => '')).replace(/\n$/, '')
  const flanneld = comm === 'flanneld'
  // k3s names its main process k3s-server or k3s-agent.
  if (!flanneld && !/^k3s(-server|-agent)?$/.test(comm)) return undefined
  const status = await statusOf(folder)
  if (status !== undefined && 'ZX'.includes(status.state)) return undefined
  const here = isSame(ours, await namespaceOf(folder))
  if (here === false) return undefined
  const wrote = flanneld || (await wroteNetConf(status?.startTicks, proc, k3sNetConf))
  if (wrote === false) return undefined
  const unknown = [
    ...(here === undefined ? ['its network namespace cannot be read'] : []),
    ...(wrote === undefined ? ['when it started cannot be read'] : []),
  ]
  const name = `${flanneld ? comm : `the flannel inside ${comm}`} (${[`process ${pid}`, ...unknown].join('; ')})`
  return { name, certain: unknown.length === 0 }
}

interface Namespace {
  readonly link: string | undefined
  readonly device: number | undefined
}

/**
 * The link needs the right to trace the process, which the capabilities of the unit are too few for. Any process may look at
 * /proc/PID/net, whose files have other inodes in each network namespace (Linux 6.18, tried as nobody).
 */
async function namespaceOf(folder: string): Promise<Namespace> {
  const link = await readlink(`${folder}/ns/net`).catch(() => undefined)
  const device = await stat(`${folder}/net/dev`).catch(() => undefined)
  return { link, device: device?.ino }
}

function isSame(a: Namespace, b: Namespace): boolean | undefined {
  if (a.link !== undefined && b.link !== undefined) return a.link === b.link
  if (a.device !== undefined && b.device !== undefined) return a.device === b.device
  return undefined
}

/** From /proc/PID/stat, whose second field is the name in parentheses, which may hold blanks and parentheses itself. */
async function statusOf(folder: string): Promise<{ state: string; startTicks: number } | undefined> {
  const text = await readFile(`${folder}/stat`, 'utf8').catch(() => '')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const startTicks = Number(fields[19] ?? Number.NaN)
  return Number.isNaN(startTicks) ? undefined : { state: fields[0] ?? '', startTicks }
}

/** k3s with `--flannel-backend=none` leaves an older file as it was; one that is younger than the process is its own. */
async function wroteNetConf(
  startTicks: number | undefined,
  proc: string,
  netConf: string,
): Promise<boolean | undefined> {
  const written = await stat(netConf).catch(() => undefined)
  if (written === undefined) return false
  const boot = /^btime ([0-9]+)$/m.exec(await readFile(`${proc}/stat`, 'utf8').catch(() => ''))?.[1]
  if (startTicks === undefined || boot === undefined) return undefined
  return written.mtimeMs >= (Number(boot) + startTicks / TICKS_PER_SECOND) * 1000
}
