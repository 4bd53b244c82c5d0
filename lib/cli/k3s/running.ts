/**
 * The k3s that runs on this host, as /proc shows it. Its command line is no proof: k3s shortens it to `k3s server`; its environment
 * needs rights that the unit has not. Must not: decide what of it counts (find-k3s.ts).
 */
import type { HostFiles } from './host-files.ts'
import { readAssignments } from './words.ts'

export interface RunningK3s {
  readonly pid: string
  readonly role: 'server' | 'agent'
  /** The service that it belongs to, without its ending. */
  readonly unit: string | undefined
  /** From `server` or `agent` on, as far as /proc shows it. */
  readonly words: readonly string[]
  /** Where it may be read. */
  readonly env: ReadonlyMap<string, string>
}

/** A process of a container may call itself anything: only those that the service manager, or a person, started count. */
const CONTAINER = /kubepods|docker-|\/docker\/|crio-|libpod-|cri-containerd|lxc/

export function findRunning(files: HostFiles): RunningK3s | undefined {
  for (const pid of files.list('/proc')) {
    if (!/^[0-9]+$/.test(pid)) continue
    const role = /^k3s-(server|agent)\n?$/.exec(files.peek(`/proc/${pid}/comm`) ?? '')?.[1]
    if (role !== 'server' && role !== 'agent') continue
    const cgroup = files.peek(`/proc/${pid}/cgroup`)
    if (cgroup === undefined || CONTAINER.test(cgroup)) continue
    const shown = (files.peek(`/proc/${pid}/cmdline`) ?? '').split('\0').filter((word) => word !== '')
    const at = shown.indexOf(role)
    return {
      pid,
      role,
      unit: /\/([\w.-]+)\.service(?:$|\n|\/)/.exec(cgroup)?.[1],
      words: at < 0 ? [role] : shown.slice(at),
      env: readAssignments((files.peek(`/proc/${pid}/environ`) ?? '').replaceAll('\n', ' ').replaceAll('\0', '\n')),
    }
  }
  return undefined
}
