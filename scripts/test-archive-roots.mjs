// The root file systems of npm run test:archive, from Debian packages: with a C library and the archive alone, and with dpkg.
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { pinnedPackages } from './release/debian.mjs'
import { toolsOf, unpackedSet } from './release/debian-tools.mjs'
import { buildPackages } from './release/packages.mjs'

/** The archive in a folder with spaces, behind a link in the search path; glibc; nothing else. */
export async function makeBareRoot(folder, archive, arch) {
  copyRoot(await unpackedSet(`glibc-${arch}`), folder)
  const place = 'opt/a folder/vtepd'
  const empty = ['proc', 'run/vtepd-lab', 'usr/local/bin', place]
  for (const name of empty) mkdirSync(path.join(folder, name), { recursive: true })
  execFileSync('tar', ['-xJf', archive, '-C', path.join(folder, place), '--strip-components=1', '--no-same-owner'])
  symlinkSync(`/${place}/bin/vtepd`, path.join(folder, 'usr/local/bin/vtepd'))
}

/**
 * A root with a shell and dpkg, packages of two versions for x64, and rpm beside them. Returns the environment variables that tell the
 * tests where they are.
 */
export async function preparePackages(root, folder) {
  const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))
  const out = path.join(folder, 'packages')
  const log = (line) => process.stderr.write(`packages: ${line}\n`)
  const versions = [version, '999.0.0']
  const files = await buildPackages({ root, arch: 'x64', out, versions, quick: true, log })
  const shell = path.join(folder, 'shell')
  copyRoot(await unpackedSet('shell-root-x64'), shell)
  for (const name of ['dev', 'proc', 'run', 'tmp', 'packages']) mkdirSync(path.join(shell, name), { recursive: true })
  recordInstalled(shell, await pinnedPackages('shell-root-x64'))
  const rpm = await toolsOf('rpm-x64')
  return {
    VTEPD_SHELL_ROOT: shell,
    VTEPD_DEBS: JSON.stringify(files.filter((file) => file.endsWith('.deb'))),
    VTEPD_RPMS: JSON.stringify(files.filter((file) => file.endsWith('.rpm'))),
    VTEPD_RPM: JSON.stringify(rpm('usr/bin/rpm')),
    RPM_CONFIGDIR: path.join(await unpackedSet('rpm-x64'), 'usr/lib/rpm'),
  }
}

function copyRoot(from, to) {
  cpSync(from, to, { recursive: true, verbatimSymlinks: true })
}

/** dpkg of that root shall know what it is made of. */
function recordInstalled(root, packages) {
  const state = path.join(root, 'var/lib/dpkg')
  for (const name of ['info', 'updates']) mkdirSync(path.join(state, name), { recursive: true })
  const paragraphs = packages.map(({ file }) => {
    const control = execFileSync('dpkg-deb', ['--field', file], { encoding: 'utf8' }).trimEnd()
    return control.replace('\n', '\nStatus: install ok installed\n')
  })
  writeFileSync(path.join(state, 'status'), `${paragraphs.join('\n\n')}\n`)
  for (const { name } of packages) writeFileSync(path.join(state, 'info', `${name}.list`), '')
}
