/**
 * Kernel settings under /proc/sys. Keys are paths (`net/ipv6/conf/flannel.1/accept_ra`), because interface names
 * contain dots. Must not: throw for a key that is missing or refused; links vanish at any moment.
 */
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { InvariantError } from '../errors.ts'

/** What became of a write; `errno` is the name of the system's error (ENOENT: no such key; EROFS, EACCES, EPERM, EINVAL). */
export type SysctlWrite = { readonly written: true } | { readonly written: false; readonly errno: string }

export interface Sysctl {
  /** The value without its line feed; undefined when the key does not exist or cannot be read. */
  read(key: string): Promise<string | undefined>
  /** Never rejects for a missing or read-only key: look at the result. */
  write(key: string, value: string): Promise<SysctlWrite>
}

/** `root` is replaced by tests. */
export function createSysctl(root = '/proc/sys'): Sysctl {
  return {
    async read(key) {
      try {
        // The kernel answers out of memory: the way through the thread pool would be most of what a look costs.
        return readFileSync(keyPath(root, key), 'utf8').trimEnd()
      } catch (error) {
        if (errnoOf(error) === undefined) throw error
        return undefined
      }
    },
    async write(key, value) {
      try {
        // r+ neither creates nor truncates: a missing key is ENOENT, not the EACCES that O_CREAT gives in /proc.
        await writeFile(keyPath(root, key), value, { flag: 'r+' })
        return { written: true }
      } catch (error) {
        const errno = errnoOf(error)
        if (errno === undefined) throw error
        return { written: false, errno }
      }
    },
  }
}

function keyPath(root: string, key: string): string {
  if (!/^[^/\0]+(\/[^/\0]+)+$/.test(key) || key.split('/').includes('..'))
    throw new InvariantError(`'${key}' is not a sysctl path`)
  return path.join(root, key)
}

function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'errno' in error && 'code' in error ? String(error.code) : undefined
}
