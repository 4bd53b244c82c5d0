/**
 * The files of a host as they are read to learn of its k3s: text, names, whether something is there. Read-only.
 * Must not: know what any file means.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { hostname } from 'node:os'
import path from 'node:path'
import { ConfigError } from '../../errors.ts'
import { isMissing } from '../../host/files.ts'

export interface HostFiles {
  /** undefined where there is no such file. Throws ConfigError where it is there and cannot be read. */
  read(file: string): string | undefined
  /** As `read`; what cannot be read, as the environment of another's process, counts as absent. */
  peek(file: string): string | undefined
  /** Names in a folder, sorted; none where it is missing or cannot be read. */
  list(folder: string): readonly string[]
  exists(file: string): boolean
  /** As the kernel says it. */
  readonly hostname: string
}

/** `root`: where the host's files are; only tests give another, and the name with it. */
export function hostFiles(root = '/', name = hostname()): HostFiles {
  const at = (file: string): string => path.join(root, file)
  const read = (file: string): string | undefined => {
    try {
      return readFileSync(at(file), 'utf8')
    } catch (error) {
      if (isMissing(error)) return undefined
      const code = error instanceof Error && 'code' in error ? error.code : String(error)
      throw new ConfigError(file, `cannot be read (${code}), and --k3s needs it`, { cause: error })
    }
  }
  return {
    read,
    peek: (file) => attempt(() => readFileSync(at(file), 'utf8')),
    list: (folder) => attempt(() => readdirSync(at(folder)).sort()) ?? [],
    exists: (file) => attempt(() => statSync(at(file))) !== undefined,
    hostname: name,
  }
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}
