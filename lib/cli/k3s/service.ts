/**
 * How k3s is started on this host: the command line and the environment of its systemd unit, or of its OpenRC script.
 * Must not: run a program, or know what a flag of k3s means.
 */
import type { HostFiles } from './host-files.ts'
import { joinLines, readAssignments, splitWords } from './words.ts'

export interface K3sService {
  /** The file that says it. */
  readonly from: string
  /** `k3s-agent`. */
  readonly name: string
  /** Behind the program: `server`, then its flags. */
  readonly words: readonly string[]
  /** Each variable with the file that sets it. */
  readonly env: ReadonlyMap<string, { readonly value: string; readonly from: string }>
}

/** Where systemd looks, the first one wins. */
const UNIT_FOLDERS = [
  '/etc/systemd/system',
  '/run/systemd/system',
  '/usr/local/lib/systemd/system',
  '/usr/lib/systemd/system',
  '/lib/systemd/system',
] as const

/** All that start k3s; `k3s` and `k3s-agent`, which the installer makes, first. */
export function findServices(files: HostFiles): readonly K3sService[] {
  const units = UNIT_FOLDERS.flatMap((folder) => files.list(folder)).flatMap(
    (name) => /^(k3s[\w.-]*)\.service$/.exec(name)?.[1] ?? [],
  )
  const scripts = files.list('/etc/init.d').filter((name) => /^k3s[\w.-]*$/.test(name))
  const names = [...new Set(['k3s', 'k3s-agent', ...units, ...scripts])]
  return names.flatMap((name) => readUnit(files, name) ?? readScript(files, name) ?? [])
}

type Env = Map<string, { value: string; from: string }>

function readUnit(files: HostFiles, name: string): K3sService | undefined {
  const fragment = UNIT_FOLDERS.map((folder) => `${folder}/${name}.service`).find((file) => files.exists(file))
  if (fragment === undefined) return undefined
  let from = fragment
  let command: string | undefined
  let environment: { line: string; from: string }[] = []
  let environmentFiles: string[] = []
  for (const file of [fragment, ...dropIns(files, name)])
    for (const [key, value] of serviceLines(files.read(file) ?? '')) {
      if (key === 'ExecStart') {
        command = value === '' ? undefined : (command ?? value)
        if (value !== '') from = file
      } else if (key === 'Environment') environment = value === '' ? [] : [...environment, { line: value, from: file }]
      else if (key === 'EnvironmentFile') environmentFiles = value === '' ? [] : [...environmentFiles, value]
    }
  const env: Env = new Map()
  for (const { line, from: file } of environment)
    for (const [key, value] of splitWords(line).flatMap(assignment)) env.set(key, { value, from: file })
  for (const given of environmentFiles) addFile(files, specified(given.replace(/^-/, ''), name), env)
  const words = command === undefined ? undefined : behindK3s(expand(splitWords(command), env))
  return words === undefined ? undefined : { from, name, words, env }
}

/** By name; of two with one name, the one of the folder that comes first. */
function dropIns(files: HostFiles, name: string): readonly string[] {
  const found = new Map<string, string>()
  for (const folder of UNIT_FOLDERS)
    for (const file of files.list(`${folder}/${name}.service.d`))
      if (file.endsWith('.conf') && !found.has(file)) found.set(file, `${folder}/${name}.service.d/${file}`)
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, file]) => file)
}

function serviceLines(text: string): readonly (readonly [key: string, value: string])[] {
  let section = ''
  return joinLines(text).flatMap((line) => {
    section = /^\s*\[(.*)\]\s*$/.exec(line)?.[1] ?? section
    const [, key, value = ''] = /^\s*(\w+)\s*=(.*)$/.exec(line) ?? []
    return section === 'Service' && key !== undefined ? [[key, value.trim()] as const] : []
  })
}

function assignment(word: string): readonly (readonly [string, string])[] {
  const equals = word.indexOf('=')
  return equals < 1 ? [] : [[word.slice(0, equals), word.slice(equals + 1)] as const]
}

/** `%N` and `%n` are all that the installer's unit uses. */
function specified(text: string, name: string): string {
  return text.replace(/%([Nnp%])/g, (_, letter) => (letter === '%' ? '%' : letter === 'n' ? `${name}.service` : name))
}

/** `$NAME` as a whole word is split at blanks, `${NAME}` is not; a variable that is not set is nothing. */
function expand(words: readonly string[], env: Env): readonly string[] {
  return words.flatMap((word) => {
    const whole = /^\$([A-Za-z_]\w*)$/.exec(word)?.[1]
    if (whole !== undefined) return splitWords(env.get(whole)?.value ?? '')
    return [word.replace(/\$\{([A-Za-z_]\w*)\}/g, (_, name) => env.get(name)?.value ?? '')]
  })
}

function readScript(files: HostFiles, name: string): K3sService | undefined {
  const from = `/etc/init.d/${name}`
  const text = files.peek(from)
  const [, quoted = ''] = /^command_args="((?:[^"\\]|\\.)*)"/ms.exec(text ?? '') ?? []
  const words = splitWords(quoted.replace(/\\\n/g, ' ').replace(/\\(["\\$`])/g, '$1')).filter(
    (word) => !/^(?:>|2>)/.test(word),
  )
  if (!isCommand(words[0])) return undefined
  const env: Env = new Map()
  for (const file of ['/etc/environment', `/etc/rancher/k3s/${name}.env`]) addFile(files, file, env)
  return { from, name, words, env }
}

function addFile(files: HostFiles, file: string, env: Env): void {
  for (const [key, value] of readAssignments(files.read(file) ?? '')) env.set(key, { value, from: file })
}

/** From `server` or `agent` on, also where a shell starts k3s; undefined: it starts something else. */
function behindK3s(words: readonly string[]): readonly string[] | undefined {
  const [shell = '', option, script = ''] = words
  if (/(?:^|\/)(?:ba|da)?sh$/.test(shell) && option === '-c') return behindK3s(splitWords(script))
  const program = words.findIndex((word) => /(?:^|\/)k3s$/.test(word))
  const at = words.findIndex((word, index) => index > program && isCommand(word))
  return program < 0 || at < 0 ? undefined : words.slice(at)
}

function isCommand(word: string | undefined): boolean {
  return word === 'server' || word === 'agent'
}
