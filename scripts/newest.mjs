// How old sources are, by modification time: of a file, or of all that a folder holds, itself included, so that a deleted source
// counts too. Milliseconds since 1970; 0 for what does not exist.
import { existsSync, readdirSync, statSync } from 'node:fs'
import path from 'node:path'

export function newest(source) {
  if (!existsSync(source)) return 0
  const own = statSync(source)
  if (!own.isDirectory()) return own.mtimeMs
  return Math.max(own.mtimeMs, ...readdirSync(source).map((name) => newest(path.join(source, name))))
}
