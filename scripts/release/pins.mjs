// npm run release:pins [-- SET...]: takes the newest Debian packages into debian-pins.json, and says what changed.
import { renewPins } from './debian.mjs'

const words = process.argv.slice(2)
if (words.includes('--help')) {
  process.stdout.write(
    'npm run release:pins [-- SET...]\n\nResolves the sets of scripts/release/debian-pins.json anew, all of them by default: the newest\nversion of each package and of what it depends on. Review and commit the result.\n',
  )
} else {
  await renewPins(words, (line) => process.stdout.write(`${line}\n`))
}
