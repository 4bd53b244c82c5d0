// The one time that files of a release carry, so that the same sources give the same bytes.
import { execFileSync } from 'node:child_process'

/** Seconds since 1970: SOURCE_DATE_EPOCH where it is set, else the time of the commit that is checked out. */
export function sourceDate(root) {
  const given = process.env.SOURCE_DATE_EPOCH
  if (given !== undefined && given !== '') {
    if (!/^\d+$/.test(given)) throw new Error(`SOURCE_DATE_EPOCH is '${given}', not a number of seconds`)
    return Number(given)
  }
  try {
    const words = ['-C', root, 'log', '-1', '--format=%ct']
    return Number(execFileSync('git', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }))
  } catch {
    throw new Error('no git checkout here: say what time the files shall carry, SOURCE_DATE_EPOCH=SECONDS')
  }
}
