/**
 * A real systemd as the first process of private namespaces (PID, mount, network, host name, control groups), which knows
 * only the units that a test gives it. /run, /var/lib and changes of /etc are its own and vanish with it.
 * Must not: leave a control group or a process behind.
 */
import { spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { becomesTrue } from '../../lib/lab/waiting.ts'
import { kernelTests, type Scope } from './netns.ts'
import { patience } from './patience.ts'
import { root } from './source-files.ts'

const PATIENCE_MS = patience(20_000)
const PROGRAM = ['/usr/lib/systemd/systemd', '/lib/systemd/systemd'].find((each) => existsSync(each))
/** Units that others expect to be there. */
const EMPTY = ['basic', 'sysinit', 'shutdown', 'umount', 'network', 'emergency', 'multi-user'].map(
  (name) => `${name}.target`,
)

/** Tried as root and with a user namespace; what a mount needs may be missing in either. */
const CONTROL_GROUPS =
  'mount --make-rprivate / && mount -t tmpfs tmpfs /run && mkdir /run/cgroup && mount -t cgroup2 cgroup2 /run/cgroup'

/** Pass as the options of a test: skips, and says why, where systemd cannot be started like this. */
export function systemdTests(): { skip: string | false } {
  if (kernelTests.skip !== false) return kernelTests
  if (PROGRAM === undefined) return { skip: 'missing: systemd' }
  const wanted = `${CONTROL_GROUPS} && mkdir "/run/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)/vtepd-try" && rmdir "/run/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)/vtepd-try"`
  const { status } = spawnSync('unshare', ['-m', 'sh', '-c', wanted], { stdio: 'ignore' })
  return { skip: status === 0 ? false : 'control groups cannot be made here' }
}

/** `$1`: the folder of the test. A control group of its own first, since systemd takes that in which it starts for the root. */
const OUTSIDE = `set -e
${CONTROL_GROUPS}
own=/run/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)
mkdir "$own/vtepd-test-$$"
echo $$ > "$own/vtepd-test-$$/cgroup.procs"
unshare -p -f -n -u -i -C --kill-child sh -e -c "$INSIDE" sh "$1" "$2" > "$1/console" 2>&1 || true
echo $$ > "$own/cgroup.procs"
until find "$own/vtepd-test-$$" -depth -type d -exec rmdir {} + 2> /dev/null; do :; done`

/** `$2`: the root of this repository, which stands where npm installs it. */
const INSIDE = `read -r pid rest < /proc/self/stat
mount -t proc proc /proc
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p /run/test /run/layers/etc /run/layers/lib /run/work/etc /run/work/lib
mount --bind "$1" /run/test
mount -t overlay overlay -o lowerdir=/etc,upperdir=/run/layers/etc,workdir=/run/work/etc /etc
mount -t overlay overlay -o lowerdir=/usr/local/lib,upperdir=/run/layers/lib,workdir=/run/work/lib /usr/local/lib
mkdir -p /usr/local/lib/node_modules/vtepd
mount --bind "$2" /usr/local/lib/node_modules/vtepd
mount -t tmpfs tmpfs /var/lib
sh -e /run/test/before-boot
echo "$pid" > /run/test/pid
exec env -i PATH="$PATH" container=test SYSTEMD_UNIT_PATH=/run/test/units ${PROGRAM} --system --unit=multi-user.target --log-target=console --show-status=no`

export interface Systemd {
  /** Seen inside as /run/test. */
  readonly folder: string
  /** Runs a program inside; its standard output, without the last line feed. */
  run(program: string, ...args: string[]): string
  /** `systemctl show -P`. */
  property(unit: string, name: string): string
  /** Rejects with what systemd and the units have said when it does not become true. */
  until(what: string, check: () => boolean): Promise<void>
}

export interface SystemdParts {
  /** By name; a name with a slash is a drop-in. */
  readonly units: Readonly<Record<string, string>>
  /** Shell commands run inside, before the first unit starts. */
  readonly beforeBoot: string
}

/** Resolves when it answers. A unit is started at boot where its own [Install] section says so. */
export async function startSystemd(t: Scope, { units, beforeBoot }: SystemdParts): Promise<Systemd> {
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-systemd-'))
  // Units without capabilities must reach it too.
  chmodSync(folder, 0o755)
  for (const name of EMPTY) writeUnit(folder, name, '[Unit]\n')
  for (const [name, text] of Object.entries(units)) writeUnit(folder, name, text)
  writeFileSync(path.join(folder, 'before-boot'), beforeBoot)
  const child = spawn('unshare', ['-m', 'sh', '-c', OUTSIDE, 'sh', folder, root], {
    stdio: 'ignore',
    env: { ...process.env, INSIDE },
  })
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()))
  const pidFile = path.join(folder, 'pid')
  t.after(async () => {
    if (existsSync(pidFile)) process.kill(Number(readFileSync(pidFile, 'utf8')), 'SIGKILL')
    await ended
    rmSync(folder, { recursive: true, force: true })
  })
  const said = (): string =>
    ['console', 'log']
      .map((name) => path.join(folder, name))
      .filter((file) => existsSync(file))
      .map((file) => readFileSync(file, 'utf8'))
      .join('\n')
  const until = async (what: string, check: () => boolean): Promise<void> => {
    if (!(await becomesTrue(check, PATIENCE_MS))) throw new Error(`${what} has not come:\n${said()}`)
  }
  const run = (program: string, ...args: string[]): string => {
    const enter = ['-t', readFileSync(pidFile, 'utf8').trim(), '-m', '-p', '-n', '-u', '-i', '-C', program, ...args]
    const { status, stdout, stderr } = spawnSync('nsenter', enter, { encoding: 'utf8', timeout: PATIENCE_MS })
    if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${status} ${stderr}\n${said()}`)
    return stdout.replace(/\n$/, '')
  }
  await until('systemd', () => existsSync(pidFile) && answers(run))
  return { folder, run, property: (unit, name) => run('systemctl', 'show', '-P', name, unit), until }
}

function writeUnit(folder: string, name: string, text: string): void {
  const file = path.join(folder, 'units', name)
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, text)
  const target = /^WantedBy=(\S+)$/m.exec(text)?.[1]
  if (target === undefined) return
  mkdirSync(path.join(folder, 'units', `${target}.wants`), { recursive: true })
  symlinkSync(`../${name}`, path.join(folder, 'units', `${target}.wants`, name))
}

function answers(run: Systemd['run']): boolean {
  try {
    return run('systemctl', 'show', '-P', 'Version') !== ''
  } catch {
    return false
  }
}
