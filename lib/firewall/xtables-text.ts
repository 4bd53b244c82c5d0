/**
 * Rules as `iptables -S` prints them: their options, and a form in which the same rule of two versions of iptables is the same text.
 * Pure. Must not: say what a rule does to a packet (foreign/), nor which rules are wanted.
 */

/** One option of a rule with what follows it. */
export interface Option {
  readonly negated: boolean
  /** `-s`, `--mark`. */
  readonly name: string
  readonly values: readonly string[]
}

/** What follows these is text, even if it begins with a dash. */
const BEFORE_TEXT = new Set(['--comment', '--log-prefix', '--nflog-prefix', '--string', '--hex-string'])

/** The options behind `-A CHAIN`, in order, quotes and backslashes undone. */
export function optionsOf(line: string): readonly Option[] {
  const options: { negated: boolean; name: string; values: string[] }[] = []
  let negated = false
  for (const { text, quoted } of wordsOf(line).slice(2)) {
    const last = options.at(-1)
    const isValue = quoted || (last !== undefined && last.values.length === 0 && BEFORE_TEXT.has(last.name))
    if (isValue || !/^(?:!|-[a-z]|--[a-z][-a-z0-9]+)$/.test(text)) last?.values.push(text)
    else if (text === '!') negated = true
    else {
      options.push({ negated, name: text, values: [] })
      negated = false
    }
  }
  return options
}

/** Equal for rules that are equal, whatever order and spelling of the options this iptables prints them in. */
export function canonicalRule(line: string): string {
  return optionsOf(line)
    .filter(({ name, values, negated }) => name !== '-m' && (negated || !isEverything(name, values[0])))
    .map(
      ({ negated, name, values }) =>
        `${negated ? '! ' : ''}${name} ${values.map((v) => withLength(name, v)).join(' ')}`,
    )
    .sort()
    .join('\n')
}

/** Name of the chain or target that it ends in, by `-j` or `-g`. */
export function targetOf(line: string): string | undefined {
  return optionsOf(line).find(({ name }) => name === '-j' || name === '-g')?.values[0]
}

/** Targets after which the next rule follows. */
export const NEXT_TARGET =
  /^(?:LOG|NFLOG|ULOG|TCPMSS|TCPOPTSTRIP|DSCP|TOS|ECN|TTL|HL|CLASSIFY|CHECKSUM|TRACE|AUDIT|SET|CT|NOTRACK|TEE|SECMARK|CONNSECMARK|IDLETIMER|RATEEST|MARK|CONNMARK)$/

/** Whether it drops or rejects all that reaches it, by itself or by one of the chains in `dropping`: no match but comments. */
export function dropsEverything(line: string, dropping: ReadonlySet<string> = new Set()): boolean {
  const target = unconditionalTargetOf(line)
  return target === 'DROP' || target === 'REJECT' || (target !== undefined && dropping.has(target))
}

/** Whether whatever comes into a chain of these rules is dropped there, at most told of before. */
export function chainDropsEverything(rules: readonly string[]): boolean {
  const end = rules.findIndex((rule) => dropsEverything(rule))
  return end >= 0 && rules.slice(0, end).every((rule) => NEXT_TARGET.test(targetOf(rule) ?? 'LOG'))
}

/** The target or chain that all that reaches the rule goes to; undefined: only some does. */
export function unconditionalTargetOf(line: string): string | undefined {
  if (!/ -[jg] \S/.test(line)) return undefined
  const options = optionsOf(line)
  const at = options.findIndex(({ name }) => name === '-j' || name === '-g')
  const isConditional = options
    .slice(0, at)
    .some(
      ({ name, values: [value], negated }) =>
        negated || !(name === '--comment' || isEverything(name, value) || (name === '-m' && value === 'comment')),
    )
  return isConditional ? undefined : options[at]?.values[0]
}

/**
 * One that flannel of old versions had in the kernel's own chains, before it had chains of its own: its comment, and nothing in
 * it but addresses and one of its targets.
 */
export function isOldFlannelRule(line: string): boolean {
  return /^-A (?:POSTROUTING|FORWARD)(?: (?:! )?-[sd] [0-9a-f.:/]+)+ -m comment --comment "flanneld (?:masq|forward)" -j (?:RETURN|ACCEPT|MASQUERADE(?: --random-fully)?)$/.test(
    line,
  )
}

function isEverything(name: string, value: string | undefined): boolean {
  return (name === '-s' || name === '-d') && (value === '0.0.0.0/0' || value === '::/0')
}

function withLength(name: string, value: string): string {
  if ((name !== '-s' && name !== '-d') || value.includes('/')) return value
  return `${value}/${value.includes(':') ? 128 : 32}`
}

function wordsOf(line: string): readonly { readonly text: string; readonly quoted: boolean }[] {
  return Array.from(line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g), ([, quoted, bare = '']) =>
    quoted === undefined ? { text: bare, quoted: false } : { text: quoted.replace(/\\(.)/g, '$1'), quoted: true },
  )
}
