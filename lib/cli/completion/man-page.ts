/** The manual page of a command, in roff (man(7)). Pure text. */
import type { CommandAbout } from '../flag-help.ts'
import type { FlagSpec } from '../flag-spec.ts'

export interface PageAbout {
  readonly version: string
  /** As it stands in the foot: 2026-11-29. */
  readonly date: string
}

/** vtepd(8), which names the others. */
export function overviewPage(
  commands: readonly { readonly name: string; readonly summary: string }[],
  { version, date }: PageAbout,
): string {
  return `${[
    `.TH VTEPD 8 "${date}" "vtepd ${roff(version)}" "vtepd"`,
    '.SH NAME',
    "vtepd \\- keeps a Kubernetes node's VXLAN overlay in the kernel as it should be",
    '.SH SYNOPSIS',
    '.B vtepd',
    '\\fIcommand\\fR [\\fIflags\\fR]',
    '.SH COMMANDS',
    ...commands.flatMap(({ name, summary }) => ['.TP', `\\fB${roff(`vtepd-${name}`)}\\fR(8)`, roff(summary)]),
    '.SH EXIT STATUS',
    '0 done, 1 could not be done, 2 wrong flags or configuration (nothing was touched); the page of each command says more.',
  ].join('\n')}\n`
}

/** Section 8: system administration. */
export function manPage(
  { flags, about }: { readonly flags: readonly FlagSpec[]; readonly about: CommandAbout },
  { version, date }: PageAbout,
): string {
  const name = about.name.replaceAll(' ', '-')
  const groups = [...new Set(flags.map(({ group }) => group))]
  const options = groups.flatMap((group) => [
    `.SS ${roff(group)}`,
    ...flags.filter((flag) => flag.group === group && flag.hidden !== true).flatMap(option),
  ])
  const words = about.words === undefined ? '' : ` ${about.words}`
  return `${[
    `.TH ${roff(name.toUpperCase())} 8 "${date}" "vtepd ${roff(version)}" "vtepd"`,
    '.SH NAME',
    `${roff(name)} \\- ${roff(firstSentence(about.summary))}`,
    '.SH SYNOPSIS',
    `.B ${roff(about.name)}`,
    `${roff(words)} [\\fIflags\\fR]`,
    '.SH DESCRIPTION',
    roff(about.summary),
    '.SH OPTIONS',
    ...options,
    '.SH NOTES',
    '.nf',
    roff(about.footer),
    '.fi',
    '.SH SEE ALSO',
    'vtepd(8), and the documents of the package',
  ].join('\n')}\n`
}

function option(flag: FlagSpec): readonly string[] {
  const value = flag.kind === 'bool' ? '' : `=\\fI${roff(flag.placeholder ?? 'value')}\\fR`
  const silent = flag.kind === 'strings' || flag.default === '' || flag.default === false
  return [
    '.TP',
    `\\fB\\-\\-${roff(flag.name)}\\fR${value}`,
    roff(`${flag.help}${silent ? '' : ` (default: ${flag.default})`}`),
  ]
}

function firstSentence(text: string): string {
  const [sentence = text] = text.replace(/\s+/g, ' ').split(/(?<=\.) /)
  return sentence.replace(/\.$/, '')
}

/** A line that begins with a dot or a quote would be a request. */
function roff(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .split('\n')
    .map((line) => (/^[.']/.test(line) ? `\\&${line}` : line))
    .join('\n')
}
