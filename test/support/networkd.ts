/**
 * The real systemd-networkd in a network namespace of a test, with an empty /run, files of the test's and no others, and a
 * read-only /sys, by which it knows that no udev has to be waited for. Must not: start in the host's network namespace.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { startDaemon } from './daemon.ts'
import { kernelTests, type Netns, type Scope } from './netns.ts'
import { patience } from './patience.ts'

const PATIENCE_MS = patience(30_000)
const PROGRAM = ['/usr/lib/systemd/systemd-networkd', '/lib/systemd/systemd-networkd'].find((each) => existsSync(each))

/** Pass as the options of a test: skips, and says why, where there is no networkd. */
export function networkdTests(): { skip: string | false } {
  if (kernelTests.skip !== false) return kernelTests
  return { skip: PROGRAM === undefined ? 'missing: systemd-networkd (Debian package systemd)' : false }
}

export interface Networkd {
  /** Resolves once it has that `state` for the interface: `unmanaged`, `configured`; rejects with its log when it does not come. */
  until(ifname: string, state: string): Promise<void>
}

/** The user whose rights it takes is root, since a user namespace may have no other. `$1`: the folder, `$0`: the program. */
const SCRIPT = `mount --make-rprivate /
grep -v '^systemd-network:' /etc/passwd > "$1/passwd"
echo 'systemd-network:x:0:0::/:/usr/sbin/nologin' >> "$1/passwd"
mount --bind "$1/passwd" /etc/passwd
for each in /etc/systemd/network /etc/systemd/networkd.conf.d; do
  [ ! -d "$each" ] || mount -t tmpfs tmpfs "$each"
done
mount -t tmpfs tmpfs /run
mkdir /run/systemd
mount --bind "$1/systemd" /run/systemd
mount -o remount,bind,ro /sys
exec "$0" 2> "$1/log"`

/** `files`: what would stand in /etc/systemd/network, by name. */
export async function startNetworkd(
  t: Scope,
  netns: Netns,
  files: Readonly<Record<string, string>>,
): Promise<Networkd> {
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-networkd-'))
  mkdirSync(path.join(folder, 'systemd/network'), { recursive: true })
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, 'systemd/network', name), text)
  const daemon = startDaemon(t, netns, SCRIPT, [PROGRAM ?? '', folder], () =>
    rmSync(folder, { recursive: true, force: true }),
  )
  const read = (name: string): string => {
    const file = path.join(folder, name)
    return existsSync(file) ? readFileSync(file, 'utf8') : ''
  }
  return {
    async until(ifname, state) {
      const deadline = performance.now() + PATIENCE_MS
      let seen = ''
      while (seen !== state) {
        if (!daemon.running || performance.now() > deadline)
          throw new Error(`networkd has not made ${ifname} ${state}, but '${seen}':\n${read('log')}`)
        await delay(20)
        seen = /^ADMIN_STATE=(.*)$/m.exec(read(`systemd/netif/links/${await ifindexOf(netns, ifname)}`))?.[1] ?? ''
      }
    },
  }
}

/** 0: there is no such interface. */
async function ifindexOf(netns: Netns, ifname: string): Promise<number> {
  const links = JSON.parse(await netns.exec('ip', '-j', 'link', 'show')) as { ifname: string; ifindex: number }[]
  return links.find((link) => link.ifname === ifname)?.ifindex ?? 0
}
