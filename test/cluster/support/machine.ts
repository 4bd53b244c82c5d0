/**
 * A node's own view of the machine: its network namespace, and mounts that hide what nodes of one machine would share (/run, /var,
 * /sys). Owns the process that holds the mounts. Must not: know what runs there.
 */
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { run, type Service, startService, until } from './shell.ts'

export interface Machine {
  readonly name: string
  /** The node's own /var and files of the test, outside of its mounts. */
  readonly folder: string
  /** The words that run a program here; they exec, so the process is the program's. */
  inside(...words: readonly string[]): [string, ...string[]]
  /** Resolves with its standard output. */
  run(...words: readonly string[]): Promise<string>
  start(name: string, words: readonly string[], env?: NodeJS.ProcessEnv): Service
  close(): Promise<void>
}

/**
 * cgroups stay those of the machine, at their usual place: kubelet looks nowhere else. /sys is anew, for it shows the links of the
 * network namespace that it was mounted in.
 */
const MOUNTS = `
mount --bind "$1/var" /var
mount -t tmpfs tmpfs /run
mkdir "$1/cgroup"
mount --rbind /sys/fs/cgroup "$1/cgroup"
mount -t sysfs sysfs /sys
mount --rbind "$1/cgroup" /sys/fs/cgroup
touch "$1/mounted"
exec sleep infinity
`

/** `netns`: its path. */
export async function createMachine(folder: string, name: string, netns: string): Promise<Machine> {
  mkdirSync(path.join(folder, 'var', 'lib'), { recursive: true })
  mkdirSync(path.join(folder, 'var', 'log'))
  mkdirSync(path.join(folder, 'var', 'tmp'))
  const hold = ['unshare', '--mount', 'sh', '-e', '-c', MOUNTS, 'sh', folder]
  const holder = startService(path.join(folder, 'mounts.log'), ['nsenter', `--net=${netns}`, '--', ...hold])
  const inside: Machine['inside'] = (...words) => [
    ...(['nsenter', `--target=${holder.pid}`, '--net', '--mount', '--'] as [string, ...string[]]),
    ...words,
  ]
  const machine: Machine = {
    name,
    folder,
    inside,
    run: (...words) => run(...inside(...words)),
    start: (log, words, env) => startService(path.join(folder, `${log}.log`), inside(...words), env),
    close: () => holder.stop(),
  }
  await until(
    `the mounts of ${name}`,
    10,
    () => run('test', '-e', path.join(folder, 'mounted')).then(() => true),
    holder.log,
  )
  return machine
}
