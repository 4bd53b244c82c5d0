/**
 * The walls around a lab: the command runs itself once more inside private namespaces (network, mount, PID; user where
 * it is not root). Its process is PID 1 in there, so however it ends, the kernel ends everything else with it.
 * Must not: change anything on the host, nor start the lab where a wall is missing.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { Socket } from 'node:net'
import { constants } from 'node:os'
import { LabError } from './lab-error.ts'
import { ownCommand } from './own-command.ts'

/** Set by the prepared shell only; with PID 1 it says "inside". */
const MARKER = 'VTEPD_LAB_NAMESPACE'
/** An end of a socket pair whose other end only the outer process holds: it closes when that one dies, however. */
const LIFELINE_FD = 3
export const FIRST_FILE_FD = LIFELINE_FD + 1
/** How long the inside may take to end after it was told to; then it is killed. */
const PATIENCE_MS = 5_000

const UNSHARE = ['--net', '--mount', '--pid', '--fork', '--kill-child']
const UNSHARE_USER = ['--user', '--map-root-user']

/**
 * `$1` is `root` or `user`, the rest the command. Before the new /proc is mounted, /proc/self still counts PIDs as the
 * host does: that is the number by which nsenter finds us.
 */
const PREPARE = `set -e
kind=$1; shift
read -r pid rest < /proc/self/stat
mount -t proc proc /proc
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/netns
export ${MARKER}="$pid $kind"
exec "$@"`

export interface Inside {
  /** Of this process, as the host counts. */
  readonly hostPid: number
  /** Root only in a user namespace of our own. */
  readonly userNamespace: boolean
}

/** undefined: this process is not inside. */
export function insideLab(): Inside | undefined {
  const [pid, kind] = (process.env[MARKER] ?? '').split(' ')
  if (process.pid !== 1 || pid === undefined || kind === undefined) return undefined
  return { hostPid: Number(pid), userNamespace: kind === 'user' }
}

/** Calls `onEnd` with an exit status when a signal comes or the outer process is gone, at most once. */
export function onToldToEnd(onEnd: (status: number) => void): void {
  let told = false
  const tell = (status: number): void => {
    if (told) return
    told = true
    onEnd(status)
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => tell(128 + constants.signals[signal]))
  }
  const lifeline = new Socket({ fd: LIFELINE_FD, readable: true, writable: false })
  lifeline.on('error', () => tell(1)).on('close', () => tell(128 + constants.signals.SIGTERM))
  lifeline.resume()
  lifeline.unref()
}

/**
 * Runs `vtepd lab ARGV` inside; resolves with its exit status. Rejects with LabError where the kernel forbids it. `files` are open
 * ones that it gets as file descriptors FIRST_FILE_FD and on.
 */
export async function runIsolated(argv: readonly string[], files: readonly (number | undefined)[]): Promise<number> {
  const flags = findUnshareFlags()
  const kind = flags === UNSHARE ? 'root' : 'user'
  const child = spawn('unshare', [...flags, 'sh', '-c', PREPARE, 'sh', kind, ...ownCommand(['lab', ...argv])], {
    stdio: ['ignore', 'inherit', 'inherit', 'pipe', ...files.map((file) => file ?? 'ignore')],
    env: { ...process.env, PATH: searchPath() },
  })
  passSignals(child)
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
  return code ?? 128 + (signal === null ? 0 : constants.signals[signal])
}

/** A signal to us closes the lifeline, so the inside ends in order; we wait for it and take its exit status. */
function passSignals(child: ChildProcess): void {
  const lifeline = child.stdio[LIFELINE_FD]
  // The inside may end first: then there is nobody left to tell.
  lifeline?.on('error', () => {})
  const end = (): void => {
    lifeline?.destroy()
    setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS).unref()
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end)
}

/** Tries the walls with nothing inside. Root without the right to (in a container) may still have user namespaces. */
function findUnshareFlags(): string[] {
  for (const program of ['ip', 'nsenter']) requireProgram(program)
  const choices = process.getuid?.() === 0 ? [UNSHARE, [...UNSHARE_USER, ...UNSHARE]] : [[...UNSHARE_USER, ...UNSHARE]]
  let refusal = ''
  for (const flags of choices) {
    const trial = spawnSync('unshare', [...flags, 'sh', '-c', PREPARE, 'sh', 'trial', 'true'], {
      encoding: 'utf8',
      env: { ...process.env, PATH: searchPath() },
    })
    if (trial.error !== undefined) throw missingProgram('unshare')
    if (trial.status === 0) return flags
    refusal = trial.stderr.trim().split('\n')[0] ?? ''
  }
  throw new LabError(
    `private namespaces are refused here (${refusal}). Run it as root, or allow user namespaces ` +
      '(sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0); ' +
      'in a container: --privileged',
  )
}

function requireProgram(program: string): void {
  const { error } = spawnSync(program, ['-V'], { stdio: 'ignore', env: { ...process.env, PATH: searchPath() } })
  if (error !== undefined) throw missingProgram(program)
}

function missingProgram(program: string): LabError {
  const debianPackage = program === 'ip' ? 'iproute2' : 'util-linux'
  return new LabError(`the program '${program}' is missing: install the package ${debianPackage}`)
}

/** An ordinary user's PATH lacks the folders where Debian keeps ip. */
function searchPath(): string {
  return `${process.env.PATH ?? '/usr/bin:/bin'}:/usr/sbin:/sbin`
}
