// Which files of a folder are tests. NAME.word.test.ts wants more of the machine where `word` is one of these, and has a command of
// its own, which names it or says `--with=word`; any other word (plan.property.test.ts) says what kind of test it is.
import { readdirSync } from 'node:fs'
import path from 'node:path'

export const APART = [
  'archive',
  'browser',
  'cluster',
  'hostile',
  'kube',
  'live',
  'long',
  'prometheus',
  'runtime',
  'soak',
]

/** Those below `folder`, relative to `root`, sorted; of those that stand apart only those of the words `also`. */
export function testFiles(root, folder, also = []) {
  return readdirSync(path.resolve(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'))
    .filter(({ name }) => !APART.some((word) => !also.includes(word) && name.endsWith(`.${word}.test.ts`)))
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)))
    .sort()
}
