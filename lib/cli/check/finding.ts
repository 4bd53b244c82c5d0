/** What a preflight finds: one row each, with its remedy. Data only, and how a row comes about. */

/** `prevents`: an agent could not work here. `warns`: it would, and something may go wrong. `unknown`: it cannot be told from here. */
export type Verdict = 'fine' | 'warns' | 'prevents' | 'unknown'

export interface Finding {
  /** `kernel`, `rights`, `ports`, …: what it is about. */
  readonly about: string
  readonly verdict: Verdict
  readonly found: string
  /** What to do; null where it is fine. */
  readonly remedy: string | null
}

/** What the checks may look at; replaced by tests. Nothing of it changes the host. */
export interface CheckHost {
  /** undefined: there is no such file, or it cannot be read. */
  readonly readText: (file: string) => Promise<string | undefined>
  /** Names in a folder; none where there is no such folder. */
  readonly list: (folder: string) => Promise<readonly string[]>
  /** Whether a program is in PATH. */
  readonly has: (program: string) => Promise<boolean>
  /** Of the file system of a folder; undefined: there is no such folder. */
  readonly roomIn: (folder: string) => Promise<{ readonly writable: boolean; readonly freeBytes: number } | undefined>
  /** uname -r. */
  readonly release: string
}

export function fine(about: string, found: string): Finding {
  return { about, verdict: 'fine', found, remedy: null }
}

export function warns(about: string, found: string, remedy: string): Finding {
  return { about, verdict: 'warns', found, remedy }
}

export function prevents(about: string, found: string, remedy: string): Finding {
  return { about, verdict: 'prevents', found, remedy }
}

export function unknown(about: string, found: string, remedy: string): Finding {
  return { about, verdict: 'unknown', found, remedy }
}
