/**
 * A host for the tests of iptables: a network namespace, and a folder of programs that holds just the variants that it shall
 * have. Counts what goes through JavaScript. Must not: reach the host of the tests.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { TestContext } from 'node:test'
import { loadAddon } from '../../lib/addon/addon.ts'
import { createIptables } from '../../lib/firewall/iptables.ts'
import type { Variant } from '../../lib/firewall/iptables-tool.ts'
import type { LegacyTables } from '../../lib/firewall/iptables-variant.ts'
import type { FilterResult, PacketFilter } from '../../lib/firewall/port.ts'
import { systemClock } from '../../lib/host/clock.ts'
import type { RunProgram } from '../../lib/host/exec.ts'
import type { Family } from '../../lib/net/ip.ts'
import { openNftMonitor } from '../../lib/rtnl/native-nft-monitor.ts'
import type { Clock } from '../../lib/util/clock.ts'
import { createNetns, kernelTests, type Netns } from '../support/netns.ts'
import { runProgram } from '../support/run-program.ts'

/** Which of both this machine and its kernel have, in both families. */
export const VARIANTS: readonly Variant[] = (['nft', 'legacy'] as const).filter((variant) => {
  if (kernelTests.skip !== false) return true
  try {
    for (const family of ['', '6'])
      execFileSync('unshare', ['-n', `ip${family}tables-${variant}`, '-t', 'nat', '-S'], { stdio: 'pipe' })
    return true
  } catch {
    return false
  }
})

/** Options of a test that needs this variant; without it the test skips, and says so. */
export function needs(...variants: readonly Variant[]): { skip: string | false } {
  const lacking = variants.filter((variant) => !VARIANTS.includes(variant))
  if (kernelTests.skip !== false || lacking.length === 0) return kernelTests
  return { skip: `needs iptables-${lacking[0]} with its tables (Debian's package iptables)` }
}

export interface IptablesHost {
  readonly netns: Netns
  /** Of programs: the folder that is its PATH. */
  readonly folder: string
  readonly run: RunProgram
  readonly tables: LegacyTables
  /** Each program that was run through `run`, with its arguments, and how many bytes it said. */
  readonly ran: { readonly words: string; readonly bytes: number }[]
  filter(family?: Family, clock?: Clock): PacketFilter
  /** Runs `iptables-nft -t nat …` as an administrator would. */
  ipt(variant: Variant, family: Family, ...args: string[]): Promise<string>
  /** `-S` of one chain, or of the whole table. */
  rules(variant: Variant, family: Family, table: string, chain?: string): Promise<readonly string[]>
  /** All tables of both variants and families as their own save prints them, without counters and comments. */
  snapshot(): Promise<string>
}

/** `host`: what its `iptables` is; `has`: the variants with a name of their own. */
export async function createIptablesHost(
  t: TestContext,
  { host = 'nft', has = VARIANTS }: { readonly host?: Variant; readonly has?: readonly Variant[] } = {},
): Promise<IptablesHost> {
  const netns = await createNetns(t, 'ipt')
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-iptables-'))
  t.after(() => rmSync(folder, { recursive: true }))
  installPrograms(folder, host, has)
  const ran: { words: string; bytes: number }[] = []
  const run: RunProgram = async (program, args, options = {}) => {
    if (!existsSync(path.join(folder, program))) return { outcome: 'missing' }
    const inside = ['netns', 'exec', netns.name, path.join(folder, program), ...args]
    const result = await runProgram('/usr/sbin/ip', inside, {
      ...options,
      env: { PATH: `${folder}:/usr/sbin:/usr/bin`, XTABLES_LOCKFILE: lockOf(folder) },
    })
    const bytes = result.outcome === 'exited' ? result.stdout.length + result.stderr.length : 0
    ran.push({ words: [program, ...args].join(' '), bytes })
    return result
  }
  const tables: LegacyTables = async (family) => {
    const file = `/proc/net/ip${family === 'ipv4' ? '' : '6'}_tables_names`
    return (await netns.exec('sh', '-c', `cat ${file} 2>/dev/null || true`)).split('\n').filter((name) => name !== '')
  }
  const program = (variant: Variant, family: Family, suffix = ''): string =>
    `ip${family === 'ipv4' ? '' : '6'}tables-${variant}${suffix}`
  return {
    netns,
    folder,
    run,
    tables,
    ran,
    filter(family = 'ipv4', clock = systemClock) {
      const { readXtablesSizes } = loadAddon()
      const filter = createIptables({
        family,
        run,
        tables,
        clock,
        openMonitor: (options) => openNftMonitor({ ...options, netns: netns.path }),
        readSizes: (...question) => readXtablesSizes(netns.path, ...question),
      })
      t.after(() => filter.close())
      return filter
    },
    ipt: (variant, family, ...args) => netns.exec(program(variant, family), ...args),
    async rules(variant, family, table, chain) {
      const said = await netns.exec(
        program(variant, family),
        '-t',
        table,
        '-S',
        ...(chain === undefined ? [] : [chain]),
      )
      return said.split('\n').filter((line) => line !== '')
    },
    async snapshot() {
      const parts = []
      for (const family of ['ipv4', 'ipv6'] as const) {
        const legacy = (await tables(family)).map((table) => ['legacy', '-t', table] as const)
        for (const [variant, ...args] of [['nft'] as const, ...legacy]) {
          if (!VARIANTS.includes(variant)) continue
          const text = await netns.exec(program(variant, family, '-save'), ...args)
          parts.push(`${variant} ${family}`, text.replaceAll(/^#.*\n/gm, '').replaceAll(/ \[\d+:\d+\]$/gm, ''))
        }
      }
      return parts.join('\n')
    },
  }
}

/** The lock of legacy iptables, as this host's programs see it: others' tests do not wait for it. */
export function lockOf(folder: string): string {
  return path.join(folder, 'xtables.lock')
}

function installPrograms(folder: string, host: Variant, has: readonly Variant[]): void {
  symlinkSync('/usr/sbin/nft', path.join(folder, 'nft'))
  for (const name of ['iptables', 'ip6tables'])
    for (const suffix of ['', '-restore', '-save']) {
      symlinkSync(`/usr/sbin/xtables-${host}-multi`, path.join(folder, `${name}${suffix}`))
      for (const variant of has)
        symlinkSync(`/usr/sbin/xtables-${variant}-multi`, path.join(folder, `${name}-${variant}${suffix}`))
    }
}

/** How often something was written. */
export function writesOf({ ran }: IptablesHost): number {
  return ran.filter(({ words }) => words.includes('-restore')).length
}

export function outcomeOf(result: FilterResult): string {
  return 'because' in result ? `${result.outcome}: ${result.because}` : result.outcome
}
