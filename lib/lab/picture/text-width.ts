/** Text of an unknown font: how wide it is at most, about, and where to break it. Pure. */

/** Share of the font's size; sans-serif letters are narrower in the mean. */
const WIDEST_MEAN = 0.58

/** Pixels, `size` in pixels too. */
export function textWidth(text: string, size = 12): number {
  return text.length * size * WIDEST_MEAN
}

/** The text, or its beginning with an ellipsis where it would be wider. */
export function cutText(text: string, width: number, size = 12): string {
  const most = Math.max(1, Math.floor(width / (size * WIDEST_MEAN)))
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`
}

/** Lines no wider than that, broken at blanks where there are some. */
export function wrapText(text: string, width: number, size = 12): string[] {
  const most = Math.max(1, Math.floor(width / (size * WIDEST_MEAN)))
  const lines: string[] = []
  let rest = text
  while (rest.length > most) {
    const blank = rest.lastIndexOf(' ', most)
    const end = blank > most / 2 ? blank : most
    lines.push(rest.slice(0, end))
    rest = rest.slice(end).trimStart()
  }
  return [...lines, rest]
}
