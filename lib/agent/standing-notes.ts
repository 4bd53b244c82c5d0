/** Notes of an adapter as sentences that stand in the log: each for as long as it comes again. Must not: make one. */
import type { FilterNote } from '../firewall/port.ts'
import type { StandingLog } from '../util/standing-log.ts'

/** Called with all notes of one origin; what is not among them any more is over. */
export function createStandingNotes(standing: StandingLog): (notes: readonly FilterNote[]) => void {
  let told: ReadonlySet<string> = new Set()
  return (notes) => {
    const now = new Set(notes.map(({ key }) => key))
    for (const event of told) if (!now.has(event)) standing.over(event)
    for (const { key, text } of notes) standing.stands(key, text)
    told = now
  }
}
