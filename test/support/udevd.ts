/**
 * The real systemd-udevd for one network namespace of a test, with an empty /run of its own: the kernel's announcements of
 * network devices reach only the udevd of their namespace. Must not: touch /dev or the host's udev database.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { startDaemon } from './daemon.ts'
import { kernelTests, type Netns, type Scope } from './netns.ts'
import { patience } from './patience.ts'
import { runProgram } from './run-program.ts'

const PATIENCE_MS = patience(30_000)
const PROGRAM = ['/usr/lib/systemd/systemd-udevd', '/lib/systemd/systemd-udevd'].find((each) => existsSync(each))
/** By it the MAC address of an interface follows from the machine and the name, unless somebody chose one. */
const POLICY = ['/usr/lib/systemd/network', '/lib/systemd/network'].some((each) =>
  existsSync(`${each}/99-default.link`),
)

/** Pass as the options of a test: skips, and says why, where udevd cannot do what is tested. */
export function udevdTests(): { skip: string | false } {
  if (kernelTests.skip !== false) return kernelTests
  if (PROGRAM === undefined || !POLICY)
    return { skip: 'missing: systemd-udevd and 99-default.link (Debian package udev)' }
  return {
    skip: existsSync('/etc/machine-id') ? false : 'missing: /etc/machine-id, from which udevd makes MAC addresses',
  }
}

const SCRIPT = `mount --make-rprivate /
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd
cp -r "$1" /run/systemd/network
exec "$0"`

/** `files`: .link files, by name. Resolves once it has given a bridge without a chosen MAC another one. */
export async function startUdevd(t: Scope, netns: Netns, files: Readonly<Record<string, string>> = {}): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-udevd-'))
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text)
  const daemon = startDaemon(t, netns, SCRIPT, [PROGRAM ?? '', folder], () =>
    rmSync(folder, { recursive: true, force: true }),
  )
  const deadline = performance.now() + PATIENCE_MS
  while (!(await changesLladdrs(netns))) {
    if (!daemon.running || performance.now() > deadline) throw new Error('systemd-udevd does not do its work in here')
    await delay(20)
  }
}

/** It is fast: often before the first look at the new interface. So we ask who chose the address, not whether it changed. */
async function changesLladdrs(netns: Netns): Promise<boolean> {
  const ip = (...words: string[]) => runProgram('ip', ['-n', netns.name, ...words])
  await ip('link', 'add', 'probe0', 'type', 'bridge')
  let changed = false
  for (let look = 0; look < 25 && !changed; look += 1) {
    await delay(20)
    changed = (await netns.exec('cat', '/sys/class/net/probe0/addr_assign_type')).trim() === NET_ADDR_SET
  }
  await ip('link', 'del', 'probe0')
  return changed
}

/** addr_assign_type of an address that a program has set after creation (linux/netdevice.h). */
const NET_ADDR_SET = '3'
