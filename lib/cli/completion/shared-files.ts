/**
 * The manual pages and completions of all commands as files below share/, as packages and archives bring them. Must not: know a
 * command itself.
 */

import type { Description } from '../command-list.ts'
import { manPage, overviewPage, type PageAbout } from './man-page.ts'
import { bashCompletion, type CompletedCommand, fishCompletion, zshCompletion } from './scripts.ts'

/** By path below share/. */
export function sharedFiles(
  commands: readonly (CompletedCommand & Description)[],
  about: PageAbout,
): ReadonlyMap<string, string> {
  const pages = commands.map((command): readonly [string, string] => [
    `man/man8/vtepd-${command.name}.8`,
    manPage(command, about),
  ])
  return new Map([
    ['man/man8/vtepd.8', overviewPage(commands, about)],
    ...pages,
    ['bash-completion/completions/vtepd', bashCompletion(commands)],
    ['zsh/site-functions/_vtepd', zshCompletion(commands)],
    ['fish/vendor_completions.d/vtepd.fish', fishCompletion(commands)],
  ])
}
