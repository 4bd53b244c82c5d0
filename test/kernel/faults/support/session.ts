/**
 * The record of played faults as a document: the command, the lines of its answer that matter, what was done. Figures and names that
 * differ from run to run are normal ones. Pure.
 */
import type { Fault, Played } from './fault.ts'

export interface Chapter {
  readonly title: string
  readonly faults: readonly Fault[]
}

const HEAD = `# Faults, and how they are found

Recorded by \`npm run build:session\` from the tests of \`test/kernel/faults\`, which seed each of these on a node of two, ask the command, do what it says, and see pods talk again. Only the lines that matter are shown; addresses, MAC addresses and times are examples.
`

export function renderSession(chapters: readonly Chapter[], played: ReadonlyMap<string, Played>): string {
  const sections = chapters.flatMap(({ title, faults }) => [
    `## ${title}\n`,
    ...faults.flatMap((fault) => {
      const record = played.get(fault.name)
      return record === undefined ? [] : [renderOne(fault, record)]
    }),
  ])
  return `${[HEAD, ...sections].join('\n').trimEnd()}\n`
}

function renderOne({ name, says, remedy }: Fault, record: Played): string {
  const command = normal(record.command)
  const lines = mattering(record.text, says, remedy).map(normal)
  const done =
    record.remedy === undefined
      ? 'What it says was done: pods talk.'
      : `\`${normal(record.remedy)}\`, as it stands: pods talk.`
  return `### ${name}\n\n\`\`\`text\n# vtepd ${command}\n${lines.join('\n')}\n\`\`\`\n\n${done}\n`
}

/** The line that says it, and the remedy's; between and beside them whatever else there was is left out. */
function mattering(text: string, says: RegExp, remedy: RegExp): readonly string[] {
  const lines = text.split('\n')
  const said = lines.findIndex((line) => says.test(line))
  const helps = lines.findIndex((line, at) => at >= said && remedy.test(line))
  const kept = [...new Set([said, helps])].filter((at) => at >= 0)
  return kept.map((at) => (lines[at] ?? '').trimEnd())
}

/** Of flags those that a person would not give; of values those of a real host. */
function normal(text: string): string {
  return text
    .replaceAll(/ --(?:run-dir|state-dir|subnet-file|net-config-path|firewall|kubeconfig-file)=\S+/g, '')
    .replaceAll(/\/tmp\/vtepd-agent-\w+\/run/g, '/run/vtepd')
    .replaceAll(/\/tmp\/vtepd-agent-\w+\/state/g, '/var/lib/vtepd')
    .replaceAll(/\/tmp\/vtepd-agent-\w+\/(?:other-)?kubeconfig/g, '/etc/vtepd/kubeconfig')
    .replaceAll(/172\.29\.\d+\./g, '172.29.0.')
    .replaceAll(/\b[0-9a-f]{2}(?::[0-9a-f]{2}){5}\b/g, '0e:00:00:00:00:02')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '2026-01-01T00:00:00.000Z')
    .replaceAll(/for [\d.]+ (?:ms|s|min)\)/g, 'for 12 s)')
    .replaceAll(/(packets) \d+ (bytes) \d+/g, '$1 7 $2 588')
    .replaceAll(/handle \d+|position \d+/g, (word) => word.replace(/\d+/, '5'))
}
