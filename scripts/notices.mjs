// THIRD-PARTY-NOTICES.txt: name, version and licence text of every package whose code is in a bundle or in the addon.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

// Compiled into the addon (header-only), so no bundle names it.
const inTheAddon = ['node_modules/node-addon-api/package.json']

/** `inputs`: paths relative to `root`. Throws, naming them all, when packages come without a licence text. */
export function thirdPartyNotices(root, inputs) {
  const folders = new Set([...inputs, ...inTheAddon].map(packageFolder).filter((folder) => folder !== undefined))
  const notices = [...folders].sort().map((folder) => noticeOf(root, folder))
  const bare = notices.filter((notice) => notice.texts.length === 0)
  if (bare.length > 0)
    throw new Error(
      `no licence text found for ${bare.map((notice) => notice.title).join(', ')}: nothing may be bundled without one`,
    )
  const head = 'vtepd contains code of the packages below, each under its own licence.\n'
  return [head, ...notices.map((notice) => [rule, notice.title, ...notice.texts].join('\n\n'))].join('\n')
}

const rule = '-'.repeat(80)

// The innermost package of a path: node_modules/a/node_modules/@b/c/lib/x.js is @b/c.
function packageFolder(input) {
  return input.match(/^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/)?.[0]
}

function noticeOf(root, folder) {
  const full = path.join(root, folder)
  const { name, version, license } = JSON.parse(readFileSync(path.join(full, 'package.json'), 'utf8'))
  const texts = readdirSync(full)
    .filter((file) => /^(un)?licen[cs]e|^copying|^notice/i.test(file))
    .sort()
    .map((file) => readFileSync(path.join(full, file), 'utf8').trim())
  const kept = path.join(root, 'scripts/licences', `${name.replace('/', '__')}.txt`)
  if (texts.length === 0 && existsSync(kept)) texts.push(readFileSync(kept, 'utf8').trim())
  return { title: `${name} ${version} (${license ?? 'see below'})`, texts }
}
