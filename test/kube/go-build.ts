/** Go's builder for programs that tests run. Must not: know which programs; install Go. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, renameSync } from 'node:fs'
import path from 'node:path'

export interface GoBuild {
  /** Folder with go.mod and go.sum; every version that is built stands there. */
  readonly module: string
  /** A package, by its folder in the module or by its import path. */
  readonly of: string
  /** The executable; appears when it is complete. */
  readonly target: string
  /** More for the linker. */
  readonly ldFlags?: string
  /** Build tags, with commas. */
  readonly tags?: string
}

/** Modules come from far away; what has arrived is not fetched again. */
const TRIES = 3

/** Downloads Go modules. Throws with what is to be done when Go is missing or the build fails. */
export function buildProgram({ module, of, target, ldFlags = '', tags = '' }: GoBuild): void {
  mkdirSync(path.dirname(target), { recursive: true })
  process.stderr.write(`building ${target}; the first time takes some minutes\n`)
  const unfinished = `${target}.${process.pid}.tmp`
  const words = ['build', '-trimpath', '-tags', tags, '-ldflags', `-s -w ${ldFlags}`, '-o', unfinished, of]
  for (let left = TRIES; !goWorked(module, words); left -= 1)
    if (left === 1)
      throw new Error(
        `building ${path.basename(target)} failed, see above: it needs Go 1.24 or newer, and Go modules (go env GOPROXY)`,
      )
  renameSync(unfinished, target)
}

/** Where Go keeps the sources of a module that go.mod requires; fetched when they are not there yet. */
export function sourcesOf(module: string, required: string): string {
  for (let left = TRIES; !goWorked(module, ['mod', 'download', required]); left -= 1)
    if (left === 1) throw new Error(`${required} cannot be fetched, see above (go env GOPROXY)`)
  return runGo(module, ['list', '-m', '-f', '{{.Dir}}', required], 'pipe').stdout.toString().trim()
}

function goWorked(folder: string, words: readonly string[]): boolean {
  return runGo(folder, words, 'inherit').status === 0
}

function runGo(folder: string, words: readonly string[], stdout: 'pipe' | 'inherit') {
  const env = { ...process.env, CGO_ENABLED: '0' }
  const done = spawnSync('go', words, { cwd: folder, stdio: ['ignore', stdout, 'inherit'], env })
  if (done.error !== undefined) throw new Error(`cannot run go (${done.error.message}): install Go 1.24 or newer`)
  return done
}
