/**
 * What a k3s is told: its command line before its config file before its environment, in k3s' own order (the values of the file are
 * put in front of the command line, and a variable counts where neither has the flag). Must not: give a setting a meaning.
 */
import { ConfigError } from '../../errors.ts'
import { isRecord } from '../../util/go-json.ts'
import { positionAt } from '../../util/json-locate.ts'
import { K3S_FLAGS, type K3sFlag, type K3sFlagName } from './flags.ts'
import type { HostFiles } from './host-files.ts'

/** With the place that says it: `/etc/rancher/k3s/config.yaml: flannel-iface`. */
export interface Told<T> {
  readonly value: T
  readonly from: string
}

export interface K3sSettings {
  text(name: K3sFlagName): Told<string> | undefined
  /** Commas split as well. */
  list(name: K3sFlagName): Told<readonly string[]> | undefined
  /** undefined: not given. */
  on(name: K3sFlagName): Told<boolean> | undefined
  /** Flags that only servers have, given to an agent. */
  readonly misplaced: readonly string[]
}

export interface K3sCommand {
  /** `server` or `agent`, then flags. */
  readonly words: readonly string[]
  readonly from: string
  readonly env: ReadonlyMap<string, Told<string>>
  /** Flags may have been given that nothing shows. */
  readonly hidden?: boolean
}

export const DEFAULT_CONFIG = '/etc/rancher/k3s/config.yaml'

/** Rejects with ConfigError for a config file that k3s could not read either. */
export async function readSettings(files: HostFiles, command: K3sCommand): Promise<K3sSettings> {
  const role = command.words[0]
  const given = readWords(command.words.slice(1), command.from)
  const file = command.env.get('K3S_CONFIG_FILE')?.value ?? given.get('config')?.value.at(-1) ?? DEFAULT_CONFIG
  if (/^https?:/.test(file))
    throw new ConfigError(
      file,
      'k3s fetches its settings from there, vtepd does not: give them as flags, without --k3s',
    )
  const all = new Map([...fromEnvironment(command.env), ...(await readConfig(files, file)), ...given])
  const misplaced: string[] = []
  for (const { name, serverOnly } of K3S_FLAGS as readonly K3sFlag[])
    if (role === 'agent' && serverOnly === true && all.delete(name)) misplaced.push(name)
  const last = (name: K3sFlagName): Told<string> | undefined => {
    const told = all.get(name)
    const value = told?.value.at(-1) ?? ''
    return told === undefined || value === '' ? undefined : { value, from: told.from }
  }
  return {
    misplaced,
    text: last,
    list(name) {
      const told = all.get(name)
      const value = (told?.value ?? []).flatMap((text) => text.split(',')).map((text) => text.trim())
      const there = value.filter((text) => text !== '')
      return told === undefined || there.length === 0 ? undefined : { value: there, from: told.from }
    },
    on(name) {
      const told = last(name)
      return told === undefined ? undefined : { value: isTrue(told), from: told.from }
    },
  }
}

type Given = ReadonlyMap<string, Told<readonly string[]>>

/** Go's booleans, and those of YAML 1.1, which k3s' reader has. */
function isTrue({ value, from }: Told<string>): boolean {
  if (/^(?:1|t|true|y|yes|on)$/i.test(value)) return true
  if (/^(?:0|f|false|n|no|off)$/i.test(value)) return false
  throw new ConfigError(from, `'${value}' is neither true nor false`)
}

function flagNamed(name: string): K3sFlag | undefined {
  return (K3S_FLAGS as readonly K3sFlag[]).find((flag) => flag.name === name || flag.short === name)
}

/**
 * A flag that is not known here may take the next word: whatever begins with no dash belongs to it, as k3s takes no other words, and
 * `--kubelet-arg` and its like take any.
 */
function readWords(words: readonly string[], from: string): Given {
  const found = new Map<string, Told<readonly string[]>>()
  for (let index = 0; index < words.length; index += 1) {
    const [, name = '', equals, text = ''] = /^--?([A-Za-z0-9][\w-]*)(=(.*))?$/s.exec(words[index] ?? '') ?? []
    const flag = flagNamed(name)
    if (flag === undefined) {
      if (equals === undefined && name.endsWith('-arg')) index += 1
      continue
    }
    if (equals === undefined && flag.kind !== 'switch') index += 1
    const value = equals === undefined ? (flag.kind === 'switch' ? 'true' : (words[index] ?? '')) : text
    const before = flag.kind === 'list' ? (found.get(flag.name)?.value ?? []) : []
    found.set(flag.name, { value: [...before, value], from: `${from}: --${flag.name}` })
  }
  return found
}

function fromEnvironment(env: K3sCommand['env']): Given {
  const found = new Map<string, Told<readonly string[]>>()
  for (const { name, variable } of K3S_FLAGS as readonly K3sFlag[]) {
    const told = variable === undefined ? undefined : env.get(variable)
    if (told !== undefined && told.value !== '')
      found.set(name, { value: [told.value], from: `${told.from}: ${variable}` })
  }
  return found
}

/** The file, then those of FILE.d by name: a later one replaces a key, or adds to it where the key ends in a plus. */
async function readConfig(files: HostFiles, file: string): Promise<Given> {
  const found = new Map<string, Told<readonly string[]>>()
  const parts = files.list(`${file}.d`).filter((name) => /\.ya?ml$/i.test(name))
  for (const one of [file, ...parts.map((name) => `${file}.d/${name}`)])
    for (const [key, given] of Object.entries(await readMapping(files, one))) {
      const name = flagNamed(key.replace(/\+$/, ''))?.name
      if (name === undefined) continue
      const before = key.endsWith('+') ? found.get(name)?.value : undefined
      const value = (Array.isArray(given) ? given : [given]).map((part) => String(part ?? ''))
      found.set(name, { value: [...(before ?? []), ...value], from: `${one}: ${name}` })
    }
  return found
}

async function readMapping(files: HostFiles, file: string): Promise<Readonly<Record<string, unknown>>> {
  const text = files.read(file)
  if (text === undefined || text.trim() === '') return {}
  const { parseAllDocuments } = await import('../../leases/yaml-document.ts')
  // k3s reads the first document, and takes the last of two equal keys.
  const document = [...parseAllDocuments(text, { prettyErrors: false, uniqueKeys: false })][0]
  const fault = document?.errors[0]
  const unreadable = (where: string, cause: Error): ConfigError =>
    new ConfigError(where, `not YAML, so k3s cannot read it either: ${cause.message}`, { cause })
  if (fault !== undefined) {
    const { line, column } = positionAt(text, fault.pos[0])
    throw unreadable(`${file}:${line}:${column}`, fault)
  }
  let value: unknown
  try {
    value = document?.toJS()
  } catch (error) {
    throw error instanceof Error ? unreadable(file, error) : error
  }
  if (value === null || value === undefined) return {}
  if (!isRecord(value)) throw new ConfigError(file, 'is no mapping of flags to values, as k3s wants it')
  return value
}
