/**
 * What else a maintainer asks for: versions, settings of the kernel, packet filters, files that concern us, the journal, what `vtepd
 * check` says. Must not: read a credential's file, nor mounts, environments or anything of another program.
 */
import { readFile } from 'node:fs/promises'
import { release, version } from 'node:os'
import path from 'node:path'
import { HostError } from '../../errors.ts'
import { type RunProgram, runProgram } from '../../host/exec.ts'
import { listFolder } from '../../host/files.ts'
import { versionText } from '../version.ts'
import { bounded, type Part } from './part.ts'
import { sysctlNames } from './sysctl-names.ts'

const PROGRAMS: Readonly<Record<string, readonly [program: string, ...args: string[]]>> = {
  'kernel/nft-ruleset.txt': ['nft', 'list', 'ruleset'],
  'kernel/iptables-save.txt': ['iptables-save', '-c'],
  'kernel/ip6tables-save.txt': ['ip6tables-save', '-c'],
  'kernel/routes-of-all-tables-ipv4.txt': ['ip', '-4', '-d', 'route', 'show', 'table', 'all'],
  'kernel/routes-of-all-tables-ipv6.txt': ['ip', '-6', '-d', 'route', 'show', 'table', 'all'],
  'kernel/link-statistics.txt': ['ip', '-s', '-d', 'link', 'show'],
  'host/journal.txt': ['journalctl', '--unit=vtepd', '--lines=2000', '--no-pager', '--output=short-iso-precise'],
}
const VERSIONS: readonly (readonly [program: string, ...args: string[]])[] = [
  ['nft', '--version'],
  ['iptables', '--version'],
  ['ip', '-V'],
  ['systemctl', '--version'],
]

export interface HostPlaces {
  readonly netConf: string
  readonly subnetFile: string
  readonly cniConfDir: string
}

/** `check`: how `vtepd check --json` is run, with the flags of the agent. */
export function hostParts(
  places: HostPlaces,
  check: () => readonly [program: string, ...args: string[]],
  run: RunProgram = runProgram,
): readonly Part[] {
  const output = async (
    [program, ...args]: readonly [string, ...string[]],
    good: readonly number[],
  ): Promise<string> => {
    const ended = await run(program, args, { timeoutMs: 30_000 })
    if (ended.outcome === 'missing') throw new HostError(`there is no ${program} here`)
    if (ended.outcome !== 'exited') throw new HostError(`${program}: ${ended.outcome}`)
    if (!good.includes(ended.status))
      throw new HostError(`${program} ended with ${ended.status}: ${ended.stderr.trim()}`)
    return `${ended.stdout}${ended.stderr}`
  }
  const file = (from: string, as = path.basename(from)): Part => ({
    name: `files/${as}`,
    make: async () => bounded(await readFile(from, 'utf8')),
  })
  return [
    {
      name: 'host/versions.txt',
      async make() {
        const found = await Promise.all(
          VERSIONS.map((words) => output(words, [0]).catch((error: Error) => `${error.message}\n`)),
        )
        const distribution = await readFile('/etc/os-release', 'utf8').catch(() => '')
        return [versionText(), `Linux ${release()} ${version()}\n`, ...found, distribution].join('')
      },
    },
    { name: 'check.json', make: () => output(check(), [0, 1]) },
    { name: 'kernel/sysctls.txt', make: readSysctls },
    ...Object.entries(PROGRAMS).map(([name, words]): Part => ({ name, make: () => output(words, [0]) })),
    file(places.netConf, 'net-conf.json'),
    file(places.subnetFile, 'subnet.env'),
    file('/etc/default/vtepd', 'etc-default-vtepd'),
    {
      name: 'files/cni.txt',
      async make() {
        const names = (await listFolder(places.cniConfDir))
          .filter((name) => /\.(?:conf|conflist|json)$/.test(name))
          .sort()
        if (names.length === 0) throw new HostError(`${places.cniConfDir} has no CNI configuration`)
        const texts = names.map(
          async (name) => `# ${name}\n${await readFile(path.join(places.cniConfDir, name), 'utf8')}\n`,
        )
        return (await Promise.all(texts)).join('')
      },
    },
  ]
}

async function readSysctls(): Promise<string> {
  const read = (key: string): Promise<string | undefined> =>
    readFile(`/proc/sys/${key}`, 'utf8').then(
      (text) => text.trim(),
      () => undefined,
    )
  const names = sysctlNames(await listFolder('/proc/sys/net/ipv4/conf'))
  const rows = await Promise.all(names.map(async (key) => [key, await read(key)] as const))
  return rows.flatMap(([key, value]) => (value === undefined ? [] : [`${key} = ${value}\n`])).join('')
}
