/**
 * The real NetworkManager with its D-Bus, in a network namespace of a test, with mount, UTS and PID namespaces of its own:
 * it sees a copy of /etc, an empty /run and a read-only /sys, and everything in there dies with it.
 * Must not: start where it could see an interface that the test has not made, nor leave anything behind.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { kernelTests, type Netns, type Scope } from './netns.ts'
import { patience } from './patience.ts'
import { runProgram } from './run-program.ts'

/** The longest that its start and each of its commands may take. */
const PATIENCE_MS = patience(30_000)

export interface NetworkManager {
  /** `nmcli WORDS`; rejects with what it printed when it fails. */
  nmcli(...words: string[]): Promise<string>
  /** Ends the daemon and starts it again, as a service manager does. */
  restart(): Promise<void>
}

export interface NetworkManagerOptions {
  /** Interfaces that it shall leave alone; every other one is its own. */
  readonly unmanaged: readonly string[]
  /** What would stand in /etc/NetworkManager/conf.d, by name. */
  readonly files?: Readonly<Record<string, string>>
}

/** Pass as the options of a test: skips where a program is missing, and says which Debian package has it. */
export function networkManagerTests(): { skip: string | false } {
  if (kernelTests.skip !== false) return kernelTests
  const missing = PROGRAMS.filter(([program]) => spawnSync(program, ['--version'], SILENT).error !== undefined)
  if (missing.length === 0) return { skip: false }
  return { skip: `missing: ${missing.map(([program, from]) => `${program} (Debian package ${from})`).join(', ')}` }
}

const SILENT = { stdio: 'ignore', env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` } } as const
const PROGRAMS = [
  ['dbus-daemon', 'dbus'],
  ['NetworkManager', 'network-manager'],
  ['nmcli', 'network-manager'],
] as const

/** Resolves when nmcli answers. Rejects where `netns` holds an interface that is not named in `expected`. */
export async function startNetworkManager(
  t: Scope,
  netns: Netns,
  expected: readonly string[],
  options: NetworkManagerOptions,
): Promise<NetworkManager> {
  await refuseStrangers(netns, expected)
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-nm-'))
  mkdirSync(path.join(folder, 'conf.d'))
  for (const [name, text] of Object.entries(options.files ?? {})) writeFileSync(path.join(folder, 'conf.d', name), text)
  const wall = ['unshare', '-m', '-u', '-p', '-f', '--kill-child', '--mount-proc', 'sh', '-e', '-c', SCRIPT, 'sh']
  const child = spawn('ip', ['netns', 'exec', netns.name, ...wall, folder, configuration(options)], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: SILENT.env,
  })
  const complaints = collect(child)
  t.after(async () => {
    child.kill('SIGKILL')
    await complaints.ended
    rmSync(folder, { recursive: true, force: true })
  })
  const pid = await insidePid(folder, complaints)
  const inside = async (...words: string[]) =>
    await runProgram('nsenter', ['-t', `${pid}`, '-m', '-u', '-n', '-p', ...words], { timeoutMs: PATIENCE_MS })
  const nmcli = async (...words: string[]): Promise<string> => {
    const result = await inside('nmcli', ...words)
    if (result.outcome === 'exited' && result.status === 0) return result.stdout
    throw new Error(`nmcli ${words.join(' ')}: ${JSON.stringify(result)}\n${complaints.text()}`)
  }
  const answers = (): Promise<void> =>
    waitFor('nmcli', complaints, async () => {
      const result = await inside('nmcli', '-t', '-f', 'RUNNING', 'general')
      return result.outcome === 'exited' && result.stdout.includes('running') && !result.stdout.includes('not')
    })
  await answers()
  return {
    nmcli,
    async restart() {
      const old = await inside('cat', '/run/NetworkManager.pid')
      await inside('sh', '-c', 'kill $(cat /run/NetworkManager.pid)')
      const before = old.outcome === 'exited' ? old.stdout : ''
      await waitFor('its restart', complaints, async () => {
        const now = await inside('cat', '/run/NetworkManager.pid')
        return now.outcome === 'exited' && now.stdout !== before
      })
      await answers()
    },
  }
}

/**
 * `$1` a folder for the PID by which others enter, and with the further files, `$2` NetworkManager.conf. /sys is read-only so that it does not wait for
 * udev; /etc is a copy because it writes resolv.conf and profiles. The loop is the service manager.
 */
const SCRIPT = `folder=$1
read -r pid rest < /proc/self/stat
mount --make-rprivate /
mkdir "$folder/etc" && mount -t tmpfs tmpfs "$folder/etc" && cp -a /etc/. "$folder/etc/" 2>/dev/null || true
mount --move "$folder/etc" /etc
mount -t tmpfs tmpfs /run
mkdir -p /run/dbus /run/NetworkManager /var/lib/NetworkManager
mount -t tmpfs tmpfs /var/lib/NetworkManager
mount -o remount,bind,ro /sys
rm -rf /etc/NetworkManager && mkdir -p /etc/NetworkManager/system-connections /etc/NetworkManager/conf.d
cp -r "$folder/conf.d/." /etc/NetworkManager/conf.d/
printf '%s' "$2" > /etc/NetworkManager/NetworkManager.conf
printf '%s' '${busConfiguration()}' > /etc/vtepd-test-dbus.conf
dbus-daemon --config-file=/etc/vtepd-test-dbus.conf --nofork --nopidfile &
while [ ! -S /run/dbus/system_bus_socket ]; do sleep 0.02; done
echo $$ > "$folder/pid"
while true; do
  NetworkManager --debug >> "$folder/log" 2>&1 &
  echo $! > /run/NetworkManager.pid
  wait $! || true
done`

function busConfiguration(): string {
  return [
    '<busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen><policy context="default">',
    '<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/><allow user="*"/>',
    '</policy></busconfig>',
  ].join('')
}

function configuration({ unmanaged }: NetworkManagerOptions): string {
  return [
    '[main]',
    'plugins=keyfile',
    'auth-polkit=false',
    'no-auto-default=*',
    'rc-manager=file',
    'dhcp=internal',
    '[keyfile]',
    `unmanaged-devices=${unmanaged.map((name) => `interface-name:${name}`).join(';')}`,
    '[logging]',
    'level=INFO',
    '',
  ].join('\n')
}

/** An interface of the host would be taken over: only what the test has made may be in there. */
async function refuseStrangers(netns: Netns, expected: readonly string[]): Promise<void> {
  const links = JSON.parse(await netns.exec('ip', '-j', 'link', 'show')) as { ifname: string }[]
  const strangers = links.map(({ ifname }) => ifname).filter((name) => name !== 'lo' && !expected.includes(name))
  if (strangers.length > 0)
    throw new Error(`NetworkManager is not started: ${strangers.join(', ')} in ${netns.name} was not made by this test`)
}

/** The PID of the inner shell as this process counts: the only child of `unshare`. */
async function insidePid(folder: string, complaints: Complaints): Promise<number> {
  await waitFor('dbus-daemon', complaints, async () => {
    try {
      return readFileSync(path.join(folder, 'pid'), 'utf8') !== ''
    } catch {
      return false
    }
  })
  const children = readFileSync(`/proc/${complaints.pid}/task/${complaints.pid}/children`, 'utf8').trim()
  const [pid] = children.split(' ').map(Number)
  if (pid === undefined || Number.isNaN(pid)) throw new Error(`unshare has no child: ${children}`)
  return pid
}

interface Complaints {
  readonly pid: number
  readonly ended: Promise<void>
  readonly running: () => boolean
  readonly text: () => string
}

function collect(child: ChildProcess): Complaints {
  let text = ''
  let running = true
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  const ended = new Promise<void>((resolve) =>
    child.on('close', () => {
      running = false
      resolve()
    }),
  )
  return { pid: child.pid ?? 0, ended, running: () => running, text: () => text }
}

async function waitFor(what: string, complaints: Complaints, check: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS
  while (!(await check())) {
    if (!complaints.running()) throw new Error(`waiting for ${what}, but all has ended: ${complaints.text()}`)
    if (performance.now() > deadline) throw new Error(`no ${what} after ${PATIENCE_MS} ms: ${complaints.text()}`)
    await delay(20)
  }
}
