/** The manual page of a command, in roff (man(7)). Pure text. */
import type { CommandAbout } from '../flag-help.ts'
import type { FlagSpec } from '../flag-spec.ts'

/** Section 8: system administration. `date`: as it stands in the foot, e.g. 2026-11-29. */
export function manPage(
  { flags, about }: { readonly flags: readonly FlagSpec[]; readonly about: CommandAbout },
  { version, date }: { readonly version: string; readonly date: string },
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
