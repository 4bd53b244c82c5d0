/**
 * A root file system of Debian with a shell and dpkg, into which the packages go; made by scripts/test-archive.mjs and copied for each
 * test. Must not: let a package manager see the host: dpkg runs by chroot, rpm with that root.
 */
import { execFile } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import type { Scope } from '../../support/netns.ts'
import { prepared } from './bare-root.ts'

const run = promisify(execFile)

/** `$1` is the root, `$2` a folder that shall have the same path in there, the rest a command. */
const ENTER = `root=$1; folder=$2; shift 2
mount --rbind /proc "$root/proc"
mkdir -p "$root$folder"
mount --bind "$folder" "$root$folder"
cd /
exec chroot "$root" "$@"`

export interface PackageRoot {
  readonly folder: string
  /** A file in there. */
  at(name: string): string
  has(name: string): boolean
  /** The two versions, older first, as they lie in there. */
  readonly debs: readonly [string, string]
  readonly rpms: readonly [string, string]
  /** The command line that runs `command` in there, in the same process; `folder` has the same path in there. */
  inside(folder: string, command: readonly string[]): [string, ...string[]]
  /** Resolves with standard output and standard error. */
  chroot(...command: string[]): Promise<string>
  rpm(...words: string[]): Promise<string>
  /** From now on the root seems booted by systemd; what `systemctl` is told is returned by a call. */
  bootSystemd(): () => readonly string[]
}

export function createPackageRoot(t: Scope): PackageRoot {
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-packages-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  cpSync(prepared('VTEPD_SHELL_ROOT'), folder, { recursive: true, verbatimSymlinks: true })
  const at = (name: string): string => path.join(folder, name)
  const rpm = JSON.parse(prepared('VTEPD_RPM')) as [string, ...string[]]
  const said = async (program: string, words: readonly string[]): Promise<string> => {
    const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', RPM_CONFIGDIR: process.env.RPM_CONFIGDIR, LC_ALL: 'C' }
    const { stdout, stderr } = await run(program, words, { env, cwd: '/', maxBuffer: 1 << 26 })
    return stdout + stderr
  }
  const inside = (shared: string, command: readonly string[]): [string, ...string[]] => [
    'unshare',
    ...['--mount', '--', 'sh', '-e', '-c', ENTER, 'sh', folder, shared],
    ...command,
  ]
  return {
    folder,
    at,
    inside,
    has: (name) => existsSync(at(name)),
    debs: copied(folder, prepared('VTEPD_DEBS')),
    rpms: JSON.parse(prepared('VTEPD_RPMS')) as [string, string],
    chroot(...command) {
      const [program, ...words] = inside('/tmp', command)
      return said(program, words)
    },
    rpm: (...words) => said(rpm[0], [...rpm.slice(1), '--root', folder, ...words]),
    bootSystemd() {
      mkdirSync(at('run/systemd/system'), { recursive: true })
      writeFileSync(at('usr/bin/systemctl'), '#!/bin/sh\necho "$@" >> /run/told\n')
      chmodSync(at('usr/bin/systemctl'), 0o755)
      return () => {
        const told = existsSync(at('run/told')) ? readFileSync(at('run/told'), 'utf8').trim().split('\n') : []
        rmSync(at('run/told'), { force: true })
        return told
      }
    },
  }
}

function copied(folder: string, list: string): [string, string] {
  const [old, next] = (JSON.parse(list) as string[]).map((file) => {
    const name = path.join('/packages', path.basename(file))
    copyFileSync(file, path.join(folder, name))
    return name
  })
  if (old === undefined || next === undefined) throw new TypeError('two versions were made')
  return [old, next]
}
