// What is done to programs of either architecture, by binutils and patchelf from pinned Debian packages; and what a file asks of
// the C library.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { toolsOf } from './debian-tools.mjs'

const TRIPLES = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' }

/** Takes the symbols out of each file, and lets it look for its libraries in its own folder first. */
export async function stripAndPoint(files, arch) {
  const tool = await toolsOf('elf-tools-x64')
  for (const file of files) {
    run(tool(`usr/bin/${TRIPLES[arch]}-strip`, '--strip-all', file))
    run(tool('usr/bin/patchelf', '--set-rpath', '$ORIGIN', file))
  }
}

/** The highest glibc that a program or library asks for, as '2.28'; undefined when it asks for none. */
export function glibcNeeded(file) {
  const named = readFileSync(file, 'latin1').matchAll(/(?<=\0)GLIBC_2\.(\d+)(?:\.\d+)?(?=\0)/g)
  const minors = [...named].map(([, minor]) => Number(minor))
  return minors.length === 0 ? undefined : `2.${Math.max(...minors)}`
}

function run([program, ...words]) {
  execFileSync(program, words, { stdio: ['ignore', 2, 2] })
}
