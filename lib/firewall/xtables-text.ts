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

/** Whether it drops or rejects all that reaches it: no match but comments. */
export function dropsEverything(line: string): boolean {
  if (!/ -j (?:DROP|REJECT)\b/.test(line)) return false
  const options = optionsOf(line)
  const target = options.findIndex(({ name }) => name === '-j')
  const matches = options.slice(0, target).filter(({ name }) => name !== '--comment')
  const verdict = options[target]?.values[0]
  return (
    (verdict === 'DROP' || verdict === 'REJECT') &&
    matches.every(
      ({ name, values: [value], negated }) =>
        !negated && (isEverything(name, value) || (name === '-m' && value === 'comment')),
    )
  )
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
