// The section of one version in CHANGELOG.md: what a release is announced with.

/**
 * The text below `## VERSION – …`, without the heading, and what stands behind the dash: a date, or 'unreleased'. Throws when the
 * version has no section, or an empty one.
 */
export function changelogSection(changelog, version) {
  const heading = new RegExp(`^## ${version.replaceAll('.', '\\.')}(?: – (.+))?\n`, 'm')
  const found = heading.exec(changelog)
  if (found === null) throw new Error(`CHANGELOG.md has no section '## ${version} – DATE'`)
  const rest = changelog.slice(found.index + found[0].length)
  const end = rest.search(/^## /m)
  const text = (end === -1 ? rest : rest.slice(0, end)).trim()
  if (text === '') throw new Error(`the section of ${version} in CHANGELOG.md is empty`)
  return { text: `${text}\n`, date: found[1] }
}
