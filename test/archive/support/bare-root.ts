/**
 * The root file systems that scripts/test-archive.mjs made: a C library, the unpacked archive, nothing else. Says where they are and
 * how a program is started in one, read-only. Must not: skip where one is missing, which would look green.
 */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { TestContext } from 'node:test'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** The command as the roots have it in their search path: a link. */
export const VTEPD = '/usr/local/bin/vtepd'

/** The options of a test about `arch`: it is left out where `npm run test:archive -- --arch` left the archive out. */
export function testsOf(arch: 'x64' | 'arm64') {
  const asked = (process.env.VTEPD_ARCHIVE_TESTS ?? arch).split(' ')
  return { skip: asked.includes(arch) ? false : `--arch leaves ${arch} out`, timeout: 300_000 }
}

/** An environment variable of scripts/test-archive.mjs. */
export function prepared(name: string): string {
  const value = process.env[name]
  if (value === undefined || process.env.VTEPD_TEST_NAMESPACE !== '1')
    throw new Error(`${name} is not prepared, or there are no private namespaces: npm run test:archive`)
  return value
}

export function bareRoot(arch: 'x64' | 'arm64'): string {
  return path.join(prepared('VTEPD_ARCHIVE_ROOTS'), arch)
}

/** `$1` is the root, the rest a command in there. What the lab keeps for its agents is all that can be written. */
const ENTER = `root=$1; shift
mount --bind "$root" "$root"
mount --rbind /proc "$root/proc"
if [ -d /run/vtepd-lab ]; then mount --bind /run/vtepd-lab "$root/run/vtepd-lab"; fi
mount -o remount,bind,ro "$root"
cd /
exec chroot "$root" "$@"`

/** The command line that runs `command` in `root`, in the same process. */
export function inRoot(root: string, command: readonly string[]): [string, ...string[]] {
  return ['unshare', '--mount', '--', 'sh', '-e', '-c', ENTER, 'sh', root, ...command]
}

/** Runs the archive's command in `root` with an empty environment; resolves with its output, rejects with its standard error. */
export async function vtepdIn(root: string, words: readonly string[], around: readonly string[] = []): Promise<string> {
  const [program, ...rest] = [...around, ...inRoot(root, [VTEPD, ...words])]
  const { stdout } = await run(program ?? '', rest, { env: { PATH: process.env.PATH }, maxBuffer: 1 << 26 })
  return stdout
}

/**
 * A program that becomes the archive's command in `root`, as `vtepd lab --agent` starts it. Without a packet filter, which the agent
 * would keep by the host's iptables or nft.
 */
export function programIn(t: TestContext, root: string): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-in-root-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = path.join(folder, 'vtepd')
  const quoted = inRoot(root, [VTEPD]).map((word) => `'${word.replaceAll("'", "'\\''")}'`)
  writeFileSync(file, `#!/bin/sh\nexec ${quoted.join(' ')} "$@" --firewall=none\n`, { mode: 0o755 })
  return file
}
