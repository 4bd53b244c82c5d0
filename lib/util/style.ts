/** Colours of a terminal. Pure. Must not: know what is shown. */

export interface Style {
  good(text: string): string
  bad(text: string): string
  faint(text: string): string
  strong(text: string): string
}

/** Colours where somebody sees them: on a terminal, unless NO_COLOR is set to something or TERM is dumb; nothing elsewhere. */
export function styleOf(stream: { readonly isTTY?: boolean }, env: NodeJS.ProcessEnv): Style {
  const coloured = stream.isTTY === true && (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb'
  const wrap = (code: number) => (text: string) => (coloured ? `\x1b[${code}m${text}\x1b[0m` : text)
  return { good: wrap(32), bad: wrap(31), faint: wrap(2), strong: wrap(1) }
}
