/**
 * `vtepd bugreport`: what a maintainer needs, in one file. Must not: change anything, need a running agent, or write over a file;
 * what is in it, and what is not, is lib/cli/bugreport.
 */
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import path from 'node:path'
import { ConfigError, HostError } from '../../errors.ts'
import { complain, output, writeBytes, writeJson } from '../../host/output.ts'
import type { Rtnl } from '../../rtnl/port.ts'
import { createReplacer } from '../bugreport/addresses.ts'
import { agentParts } from '../bugreport/agent-parts.ts'
import { archiveOf } from '../bugreport/archive.ts'
import { collect, type Manifest } from '../bugreport/collect.ts'
import { hostParts } from '../bugreport/host-parts.ts'
import { kernelParts } from '../bugreport/kernel-parts.ts'
import { secretsIn } from '../bugreport/secrets.ts'
import type { FlagSpec, FlagValues } from '../flag-spec.ts'
import { parseFlags } from '../parse-flags.ts'
import type { ConfigReport } from '../print-config.ts'
import { packageVersion } from '../version.ts'
import { askAgent, findAgent } from '../window/ask.ts'
import { HOW, WINDOW_FLAGS } from '../window/flags.ts'

const FLAGS = [
  ...WINDOW_FLAGS.map((flag) => (flag.name === 'json' ? { ...flag, help: 'its manifest as JSON on stdout' } : flag)),
  {
    name: 'output',
    kind: 'string',
    default: '',
    placeholder: 'file',
    group: HOW,
    help: 'where it is written, - for standard output; without it a new file in this folder',
  },
  {
    name: 'redact-addresses',
    kind: 'bool',
    default: false,
    group: HOW,
    help: 'replace IP and MAC addresses and names of nodes, each by the same everywhere, so that which subnet has which pod is still seen',
  },
] as const satisfies readonly FlagSpec[]

const ABOUT = {
  name: 'vtepd bugreport',
  summary: `Writes what a maintainer needs into one archive (tar, gzip): what the agent tells of itself (status, peers, differences,
events, metrics, configuration), the kernel's tables, packet filters and sysctls, versions, what vtepd check says. Tokens, keys and
passwords are always removed. What could not be had, or was cut, stands in its manifest. Works without a running agent.`,
  footer: `Look into it before you give it away: tar -xzf FILE.

Examples:
  vtepd bugreport
  vtepd bugreport --redact-addresses --output report.tar.gz
  kubectl -n kube-system exec POD -- vtepd bugreport --output - > report.tar.gz

Exit status: 0 written, 1 it could not be written (a file is never overwritten), 2 wrong flags.`,
} as const

export const BUGREPORT = { flags: FLAGS, about: ABOUT }

type Flags = FlagValues<typeof FLAGS>

/** Resolves with the exit status; rejects with HostError where the file cannot be written, ConfigError for flags. */
export async function bugreportCommand(argv: readonly string[]): Promise<number> {
  const parsed = parseFlags(FLAGS, argv, process.env, ABOUT)
  if (parsed.help !== undefined) {
    output.write(parsed.help)
    return 0
  }
  const flags = parsed.values
  const toStdout = flags.output === '-'
  if (toStdout && (flags.json || output.isTTY))
    throw new ConfigError(
      '--output -',
      flags.json ? 'has no room for --json beside it' : 'is for a file or a pipe: add > FILE',
    )
  const now = new Date()
  const { files, manifest } = await report(flags, now)
  const stamp = now.toISOString().replace(/[:-]|\..*/g, '')
  const folder = `vtepd-bugreport-${stamp}`
  const archive = await archiveOf(folder, files, now)
  const file = path.resolve(flags.output === '' ? `${folder}.tar.gz` : flags.output)
  if (toStdout) writeBytes(archive)
  else await writeNew(file, archive)
  complain(summary(manifest, toStdout ? 'standard output' : file, archive.length))
  if (flags.json) writeJson(manifest)
  return 0
}

async function report(flags: Flags, now: Date) {
  const agent = (): Promise<string> => findAgent(flags)
  const ask = async <T>(question: string): Promise<T | undefined> =>
    agent()
      .then((socket) => askAgent<T>(socket, question, 5000))
      .catch(() => undefined)
  const config = (await ask<ConfigReport | null>('config')) ?? undefined
  let door: Promise<Rtnl> | undefined
  const open = (): Promise<Rtnl> => {
    door ??= import('../../rtnl/native.ts').then(({ openRtnl }) => openRtnl())
    return door
  }
  const names = flags['redact-addresses'] ? ((await ask<readonly { name: string }[]>('names')) ?? []) : []
  const replace = createReplacer([hostname(), config?.nodeName.value ?? '', ...names.map(({ name }) => name)])
  const places = {
    netConf: given(config, 'net-config-path') ?? '/etc/kube-flannel/net-conf.json',
    subnetFile: given(config, 'subnet-file') ?? '/run/flannel/subnet.env',
    cniConfDir: given(config, 'cni-conf-dir') ?? '/etc/cni/net.d',
  }
  try {
    return await collect([...agentParts(agent), ...kernelParts(open), ...hostParts(places, () => checkWords(config))], {
      version: packageVersion(),
      now,
      secrets: knownSecrets(config),
      replace: flags['redact-addresses'] ? replace : undefined,
    })
  } finally {
    await door?.then((rtnl) => rtnl.close()).catch(() => undefined)
  }
}

function given(config: ConfigReport | undefined, flag: string): string | undefined {
  const value = config?.flags[flag]?.value
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** With what the agent was given. */
function checkWords(config: ConfigReport | undefined): readonly [string, ...string[]] {
  const words = Object.entries(config?.flags ?? {}).flatMap(([name, { value, from }]) =>
    from === 'default' ? [] : [value].flat().map((one) => `--${name}=${one}`),
  )
  const node = config === undefined || config.nodeName.value === '' ? [] : [`NODE_NAME=${config.nodeName.value}`]
  const self = [process.execPath, ...process.execArgv, path.resolve(process.argv[1] ?? ''), 'check', '--json', ...words]
  return ['env', ...node, ...self]
}

/** Where credentials are, they are read to be known, and to be kept out of everything else. */
function knownSecrets(config: ConfigReport | undefined): readonly string[] {
  const files = [
    '/var/run/secrets/kubernetes.io/serviceaccount/token',
    ...['kubeconfig-file', 'publish-kubeconfig'].flatMap((flag) => given(config, flag) ?? []),
  ]
  return files.flatMap((file) => {
    try {
      return secretsIn(readFileSync(file, 'utf8'))
    } catch {
      return []
    }
  })
}

async function writeNew(file: string, bytes: Buffer): Promise<void> {
  try {
    await writeFile(file, bytes, { flag: 'wx', mode: 0o600 })
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    const why = code === 'EEXIST' ? 'is there already' : `cannot be written (${code})`
    throw new HostError(`${file} ${why}: give another one with --output`, { cause: error })
  }
}

function summary({ parts, addressesReplaced }: Manifest, where: string, bytes: number): string {
  const made = parts.filter(({ failed }) => failed === null)
  const cuts = parts.flatMap(({ name, cut }) => (cut === null ? [] : [`  ${name}: ${cut}`]))
  const reasons = new Set(parts.flatMap(({ failed }) => failed ?? []))
  const lacking = [...reasons].map((reason) => {
    const names = parts.filter(({ failed }) => failed === reason).map(({ name }) => name)
    return `  not ${names.join(', ')}: ${reason}`
  })
  const kept = addressesReplaced
    ? 'secrets are removed, addresses and names of nodes replaced'
    : 'secrets are removed; addresses and names are in it (--redact-addresses replaces them)'
  const head = `${where}: ${Math.ceil(bytes / 1024)} KiB, ${made.length} parts; ${kept}`
  return `${[head, `  ${made.map(({ name }) => name).join(', ')}`, ...cuts, ...lacking].join('\n')}\n`
}
