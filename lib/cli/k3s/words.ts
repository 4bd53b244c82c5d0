/** A line of words as systemd and shells quote them. Pure. */

/**
 * Single quotes keep everything, double quotes all but backslashes, a backslash keeps the next character; quotes may stand within
 * a word, as k3s' installer writes them (`'it'\''s'`). A quote that is not closed goes to the end.
 */
export function splitWords(line: string): string[] {
  const words: string[] = []
  let word: string | undefined
  let quote = ''
  for (let index = 0; index < line.length; index += 1) {
    const char = line.charAt(index)
    if (quote === "'" ? char === "'" : char === '"' && quote === '"') quote = ''
    else if (char === '\\' && quote !== "'") {
      index += 1
      word = (word ?? '') + line.charAt(index)
    } else if (quote === '' && (char === "'" || char === '"')) {
      quote = char
      word ??= ''
    } else if (quote === '' && /\s/.test(char)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else word = (word ?? '') + char
  }
  return word === undefined ? words : [...words, word]
}

/** Lines of `NAME=value`, as systemd reads an EnvironmentFile: comments and what is no assignment are passed over. */
export function readAssignments(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const line of joinLines(text)) {
    const [, name, value = ''] = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$/.exec(line) ?? []
    if (name !== undefined) found.set(name, splitWords(value.trim()).join(' '))
  }
  return found
}

/** Lines without comments; one that ends in a backslash goes on in the next. */
export function joinLines(text: string): readonly string[] {
  const lines: string[] = []
  let begun = ''
  for (const line of text.split(/\r?\n/)) {
    if (/^\s*[#;]/.test(line)) continue
    if (line.endsWith('\\')) begun += `${line.slice(0, -1)} `
    else {
      lines.push(begun + line)
      begun = ''
    }
  }
  return begun === '' ? lines : [...lines, begun]
}
