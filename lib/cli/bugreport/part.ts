/** One file of a report of a fault, and how much of it there may be. Types, and the cutting. */

export interface Part {
  /** Its path in the archive: `kernel/routes.txt`. */
  readonly name: string
  /** Rejects, or throws, with why there is none. */
  make(): Promise<Made | string>
}

export interface Made {
  readonly text: string
  /** What was left out, in words; null: nothing. */
  readonly cut: string | null
}

/** Rows of one table. */
export const MOST_ROWS = 5000
/** Characters of one part. */
export const MOST_CHARACTERS = 4 << 20

/** The first rows, one a line, and how many more there are. */
export function rowsOf(rows: readonly string[], most = MOST_ROWS): Made {
  if (rows.length <= most) return { text: lined(rows), cut: null }
  const cut = `${rows.length - most} of ${rows.length} rows are left out`
  return { text: lined([...rows.slice(0, most), `# ${cut}`]), cut }
}

export function bounded(made: Made | string, most = MOST_CHARACTERS): Made {
  const { text, cut } = typeof made === 'string' ? { text: made, cut: null } : made
  if (text.length <= most) return { text, cut }
  const rest = `${text.length - most} of ${text.length} characters are left out`
  return { text: `${text.slice(0, most)}\n# ${rest}\n`, cut: cut === null ? rest : `${cut}; ${rest}` }
}

function lined(rows: readonly string[]): string {
  return rows.map((row) => `${row}\n`).join('')
}
