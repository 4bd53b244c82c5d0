/**
 * One iptables of this host, of one variant and one address family: finds it, reads single chains with it, hands it what
 * iptables-restore shall do. Must not: save what others have and restore it (what this iptables cannot print would be lost), nor
 * let a whole table through JavaScript.
 */
import { type ProgramResult, type RunProgram, TOO_LONG } from '../host/exec.ts'
import type { Family } from '../net/ip.ts'
import { IPTABLES, type IptablesChain } from './render-iptables.ts'
import type { ChainLook, Look } from './xtables-plan.ts'
import { chainDropsEverything, NEXT_TARGET, unconditionalTargetOf } from './xtables-text.ts'

/** Where its rules are: in nf_tables, or in tables of x_tables' own, which nf_tables knows nothing of. */
export type Variant = 'nft' | 'legacy'

export type Table = 'nat' | 'filter' | 'mangle'

/** `unsupported`: not installed, or this kernel has no such tables. `because` has the tool's own words. */
export type Trouble = { readonly outcome: 'failed' | 'unsupported'; readonly because: string }

export interface IptablesTool {
  readonly family: Family
  readonly variant: Variant
  /** `iptables-nft` where the host has one of that name, else `iptables`. */
  readonly program: string
  /** `1.8.9` */
  readonly version: string
  /** Whether MASQUERADE knows --random-fully (1.6.2). */
  readonly knowsRandomFully: boolean
  readonly run: RunProgram
}

/** How long another holder of the lock of legacy iptables is waited for. */
const LOCK_SECONDS = 5
/** More than this of one chain, some 1,500 rules, is not read: then single rules are asked for. */
const MOST_BYTES = 128 << 10
const TIMEOUT_MS = 20_000
/** Verdicts, and chains of programs that are known not to drop everything in one. */
const NO_END = /^(?:(?:ACCEPT|DROP|REJECT|RETURN|QUEUE|NFQUEUE)$|KUBE-|DOCKER|cali-|CILIUM|FLANNEL-)/

/** The variants that this host has, the one that its `iptables` is first; empty: no iptables. */
export async function findTools(family: Family, run: RunProgram): Promise<readonly IptablesTool[]> {
  const name = IPTABLES[family]
  const tools: IptablesTool[] = []
  for (const program of [name, `${name}-nft`, `${name}-legacy`]) {
    const said = await run(program, ['-V'], { timeoutMs: TIMEOUT_MS })
    if (said.outcome !== 'exited' || said.status !== 0) continue
    const [, version = '1.4.0', kind] = /v(\d+(?:\.\d+)+)(?: \((\w+)\))?/.exec(said.stdout) ?? []
    const variant = kind === 'nf_tables' ? 'nft' : 'legacy'
    const before = tools.findIndex((tool) => tool.variant === variant)
    const tool = { family, variant, program, version, knowsRandomFully: atLeast(version, [1, 6, 2]), run } as const
    // A name that says the variant is the better one: the alternative may be changed meanwhile.
    if (before >= 0) tools[before] = tool
    else tools.push(tool)
  }
  return tools
}

/** Our chain, the one that leads to it, and whether it does. */
export async function lookAt(tool: IptablesTool, chain: IptablesChain): Promise<Look | Trouble> {
  const [own, from] = await inTurn(tool, [
    () => readChain(tool, chain.table, chain.chain),
    () => readChain(tool, chain.table, chain.from),
  ])
  if ('outcome' in own) return own
  if ('outcome' in from) return from
  if (own.state === 'absent' || (own.state === 'rules' && from.state === 'rules'))
    return { own, from, jumps: false, dropping: await droppingChains(tool, chain, from) }
  const jump = await findJump(tool, chain)
  if (typeof jump === 'object') return jump
  return { own: jump === 'no-chain' ? { state: 'absent' } : own, from, jumps: jump === 'there' }
}

/** Chains that are led to before ours is, and by all packets: some programs end FORWARD with one that drops. */
async function droppingChains(
  tool: IptablesTool,
  { table, from, chain }: IptablesChain,
  look: ChainLook,
): Promise<ReadonlySet<string>> {
  const dropping = new Set<string>()
  if (from !== 'FORWARD' || look.state !== 'rules') return dropping
  for (const rule of look.rules) {
    const target = unconditionalTargetOf(rule)
    if (target === chain) break
    if (target === undefined || NO_END.test(target) || NEXT_TARGET.test(target)) continue
    const led = await readChain(tool, table, target)
    if ('state' in led && led.state === 'rules' && chainDropsEverything(led.rules)) dropping.add(target)
  }
  return dropping
}

/** Both at once, but for legacy iptables, where they would wait for each other's lock. */
async function inTurn<T>(
  { variant }: IptablesTool,
  questions: readonly [() => Promise<T>, () => Promise<T>],
): Promise<readonly [T, T]> {
  const [first, second] = questions
  if (variant === 'nft') return Promise.all([first(), second()])
  const answer = await first()
  return [answer, await second()]
}

export async function readChain(tool: IptablesTool, table: Table, chain: string): Promise<ChainLook | Trouble> {
  const result = await tool.run(tool.program, [...waiting(tool), '-t', table, '-S', chain], {
    timeoutMs: TIMEOUT_MS,
    largestOutputBytes: MOST_BYTES,
  })
  if (result.outcome === 'failed' && result.because === TOO_LONG) return { state: 'unprintable' }
  if (result.outcome === 'exited' && result.status === 0) {
    const rules = result.stdout.split('\n').filter((line) => line.startsWith('-A '))
    return { state: 'rules', rules }
  }
  if (result.outcome === 'exited' && result.status === 1) {
    if (/No chain\/target\/match by that name/.test(result.stderr)) return { state: 'absent' }
    if (/is incompatible, use 'nft' tool/.test(result.stderr)) return { state: 'unprintable' }
  }
  return troubleOf(tool, table, result)
}

/** Asked by `-C`, which also finds a rule among what this iptables cannot print, and tells whether its target exists. */
async function findJump(tool: IptablesTool, chain: IptablesChain): Promise<'there' | 'none' | 'no-chain' | Trouble> {
  const question = chain.jump.replace(/^-A/, '-C').matchAll(/"([^"]*)"|(\S+)/g)
  const words = Array.from(question, ([, quoted, bare = '']) => quoted ?? bare)
  const result = await tool.run(tool.program, [...waiting(tool), '-t', chain.table, ...words], {
    timeoutMs: TIMEOUT_MS,
  })
  if (result.outcome !== 'exited') return troubleOf(tool, chain.table, result)
  if (result.status === 0) return 'there'
  if (/does a matching rule exist in that chain/.test(result.stderr)) return 'none'
  const isMissing = /Chain '[^']*' does not exist|Couldn't load target|No chain\/target\/match by that name/
  return isMissing.test(result.stderr) ? 'no-chain' : troubleOf(tool, chain.table, result)
}

/** Hands `text` (restoreText) to iptables-restore. undefined: done, each table in one step. */
export async function restore(tool: IptablesTool, text: string): Promise<Trouble | undefined> {
  const args = ['--noflush', ...(atLeast(tool.version, [1, 6, 2]) ? ['-w', `${LOCK_SECONDS}`] : [])]
  const result = await tool.run(`${tool.program}-restore`, args, { input: text, timeoutMs: TIMEOUT_MS })
  if (result.outcome === 'exited' && result.status === 0) return undefined
  return troubleOf(tool, undefined, result)
}

function waiting({ version }: IptablesTool): readonly string[] {
  return atLeast(version, [1, 6, 0]) ? ['-w', `${LOCK_SECONDS}`] : ['-w']
}

function troubleOf(tool: IptablesTool, table: Table | undefined, result: ProgramResult): Trouble {
  const { program } = tool
  if (result.outcome === 'missing') return { outcome: 'unsupported', because: `${program} is not installed` }
  if (result.outcome === 'timed-out')
    return { outcome: 'failed', because: `${program} did not end in ${TIMEOUT_MS / 1000} s` }
  if (result.outcome === 'failed') return { outcome: 'failed', because: `${program} was ended: ${result.because}` }
  const says = result.stderr.trim().replaceAll(/\s+/g, ' ')
  if (/holding the xtables lock/.test(says))
    return {
      outcome: 'failed',
      because: `another program holds the lock of iptables (/run/xtables.lock) for more than ${LOCK_SECONDS} s; fuser -v /run/xtables.lock names it`,
    }
  if (
    /Table does not exist|does not exist \(do you need to insmod|Failed to initialize nft|Address family not supported/.test(
      says,
    )
  )
    return {
      outcome: 'unsupported',
      because: `this kernel has no tables of ${program}${table === undefined ? '' : ` (${table})`}: ${says}`,
    }
  return { outcome: 'failed', because: `${program} ended with status ${result.status}: ${says}` }
}

function atLeast(version: string, wanted: readonly number[]): boolean {
  const parts = version.split('.').map(Number)
  const at = wanted.findIndex((number, index) => (parts[index] ?? 0) !== number)
  return at < 0 || (parts[at] ?? 0) > (wanted[at] ?? 0)
}
