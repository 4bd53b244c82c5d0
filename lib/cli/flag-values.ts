/**
 * What the value of a flag has to be, for every command: each function returns it as what it is, or throws the ConfigError that
 * names the flag. Must not: know a table of flags.
 */
import path from 'node:path'
import { isConflistName } from '../cni/conflist.ts'
import { ConfigError } from '../errors.ts'
import type { Ip } from '../net/ip.ts'

/** Absolute. */
export function filePath(name: string, text: string): string {
  return path.resolve(nonEmpty(name, text))
}

export function nonEmpty(name: string, text: string): string {
  if (text === '') throw new ConfigError(`--${name}`, 'must not be empty; give a value, or remove the flag')
  return text
}

export function oneOf<const Choice extends string>(name: string, text: string, choices: readonly Choice[]): Choice {
  const choice = choices.find((candidate) => candidate === text)
  if (choice === undefined)
    throw new ConfigError(`--${name}`, `'${text}' is unknown; give one of ${choices.join(', ')}`)
  return choice
}

/** `read` throws RangeError for what is no address. */
export function flagIp(name: string, read: () => Ip): Ip {
  try {
    return read()
  } catch (error) {
    throw new ConfigError(`--${name}`, error instanceof RangeError ? error.message : String(error), { cause: error })
  }
}

/** The file in the runtime's folder of CNI configurations. */
export function conflistName(text: string): string {
  if (isConflistName(text)) return text
  throw new ConfigError('--cni-conf-name', `'${text}' is no file name that ends in .conflist`)
}

/** undefined: none is given. */
export function apiUrlOf(text: string): string | undefined {
  if (text === '') return undefined
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol))
    throw new ConfigError('--kube-api-url', `'${text}' is no URL; write it as https://HOST:PORT`)
  return text
}

/** Why a file that a flag names gave no text, as the end of a sentence. */
export function unreadBecause(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === 'ENOENT' ? 'does not exist' : `cannot be read (${code ?? String(error)})`
}
