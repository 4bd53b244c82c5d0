/**
 * Files, sysctls and the programs of packet filters as they would be: read from the real ones, written nowhere. Owns what was
 * written. Must not: run a program of which it does not know that it only reads.
 */

import type { Sysctl } from '../../agent/device-ops.ts'
import type { FilePorts } from '../../agent/kept-file.ts'
import type { FilterResult, PacketFilter } from '../../firewall/port.ts'
import { type RunProgram, runProgram } from '../../host/exec.ts'

export interface ShadowFiles {
  readonly ports: Pick<FilePorts, 'read' | 'replace' | 'watch'>
  /** The new text by path, of those that would be other than they are. */
  changes(): Promise<ReadonlyMap<string, string>>
}

export function createShadowFiles(real: Pick<FilePorts, 'read'>): ShadowFiles {
  const written = new Map<string, string>()
  return {
    async changes() {
      const changed = new Map<string, string>()
      for (const [path, text] of written)
        if ((await real.read(path).catch(() => undefined)) !== text) changed.set(path, text)
      return changed
    },
    ports: {
      read: async (path, mode) => written.get(path) ?? (await real.read(path, mode)),
      async replace(path, text) {
        written.set(path, text)
      },
      watch: () => ({ close: () => undefined }),
    },
  }
}

export interface ShadowSysctl {
  readonly port: Sysctl
  readonly written: ReadonlyMap<string, string>
}

/** `isMade`: a link that exists in the shadow alone has the settings of `default`. */
export function createShadowSysctl(real: Sysctl, isMade: (ifname: string) => boolean): ShadowSysctl {
  const written = new Map<string, string>()
  const read = async (key: string): Promise<string | undefined> => {
    const [, before, link = '', name] = /^(net\/ipv[46]\/conf\/)(.+)\/([^/]+)$/.exec(key) ?? []
    return await real.read(before !== undefined && isMade(link) ? `${before}default/${name}` : key)
  }
  return {
    written,
    port: {
      read: async (key) => written.get(key) ?? (await read(key)),
      async write(key, value) {
        written.set(key, value)
        return { written: true }
      },
    },
  }
}

export interface ShadowPrograms {
  readonly run: RunProgram
  /** Each once, in order: the command, and what it would be given. */
  readonly written: readonly { readonly command: string; readonly input: string | undefined }[]
}

export function createShadowPrograms(real: RunProgram = runProgram): ShadowPrograms {
  const written: { command: string; input: string | undefined }[] = []
  return {
    written,
    async run(program, args, options) {
      if (isReading(program, args)) return await real(program, args, options)
      // Whoever looks afterwards finds nothing done, and writes once more.
      const command = [program, ...args.filter((word) => word !== '--echo')].join(' ')
      const { input } = options ?? {}
      if (!written.some((one) => one.command === command && one.input === input)) written.push({ command, input })
      return { outcome: 'exited', status: 0, stdout: '', stderr: '' }
    },
  }
}

/** What it would have written counts as there: nothing is, when it looks afterwards. */
export function believing(real: PacketFilter, programs: ShadowPrograms): PacketFilter {
  let wrote = false
  const believed = async (act: () => Promise<FilterResult>): Promise<FilterResult> => {
    const before = programs.written.length
    const result = await act()
    wrote ||= programs.written.length > before
    return wrote
      ? { outcome: 'written', because: 'in a rehearsal', notes: 'notes' in result ? result.notes : [] }
      : result
  }
  return {
    kind: real.kind,
    ensure: (wanted) => believed(() => real.ensure(wanted)),
    remove: (options) => believed(() => real.remove(options)),
    compare: (wanted) => real.compare(wanted),
    watch: () => undefined,
    close: () => real.close(),
  }
}

function isReading(program: string, args: readonly string[]): boolean {
  if (args.some((word) => ['--version', '-V', '--check', '-c'].includes(word)) && program === 'nft') return true
  if (program === 'nft') return args.includes('list')
  if (/^ip6?tables[\w-]*-save$/.test(program)) return true
  if (/^ip6?tables[\w-]*-restore$/.test(program)) return args.includes('--test')
  return /^ip6?tables/.test(program) && args.some((word) => ['-S', '-L', '-V', '--version', '-C'].includes(word))
}
