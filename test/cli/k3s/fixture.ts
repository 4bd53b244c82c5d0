/** Hosts with a k3s, as trees of files in a folder of the test's own. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { TestContext } from 'node:test'
import { type HostFiles, hostFiles } from '../../../lib/cli/k3s/host-files.ts'

/** A text, or where a link leads, relative to itself. */
export type Tree = Readonly<Record<string, string | { readonly link: string }>>

/** The folder is removed when the test ends. */
export function makeTree(t: TestContext, tree: Tree): string {
  const root = mkdtempSync(path.join(tmpdir(), 'vtepd-k3s-'))
  t.after(() => rmSync(root, { recursive: true }))
  for (const [file, content] of Object.entries(tree)) {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true })
    if (typeof content === 'string') writeFileSync(path.join(root, file), content)
    else symlinkSync(content.link, path.join(root, file))
  }
  return root
}

export function hostTree(t: TestContext, tree: Tree, hostname = 'Host-1'): HostFiles {
  return hostFiles(makeTree(t, tree), hostname)
}

/** The same without a disk, for many hosts; no links. */
export function hostInMemory(tree: Readonly<Record<string, string>>): HostFiles {
  const read = (file: string): string | undefined => tree[file]
  const below = (folder: string): readonly string[] =>
    Object.keys(tree).flatMap((file) => (file.startsWith(`${folder}/`) ? file.slice(folder.length + 1) : []))
  return {
    read,
    peek: read,
    list: (folder) => [...new Set(below(folder).map((file) => file.replace(/\/.*/, '')))].sort(),
    exists: (file) => file in tree || below(file).length > 0,
    hostname: 'Host-1',
  }
}

/** As k3s' installer writes it of INSTALL_K3S_EXEC. */
export function INSTALLED_UNIT(command: 'server' | 'agent', ...words: readonly string[]): string {
  const quoted = words.map((word) => `\t'${word.replaceAll("'", "'\\''")}' \\\n`)
  return `[Unit]
Description=Lightweight Kubernetes

[Service]
Type=notify
EnvironmentFile=-/etc/default/%N
EnvironmentFile=-/etc/sysconfig/%N
EnvironmentFile=-/etc/systemd/system/%N.service.env
KillMode=process
# Having non-zero Limit*s causes performance problems
ExecStartPre=-/sbin/modprobe br_netfilter
ExecStart=/usr/local/bin/k3s \\
    ${command} \\
${quoted.join('')}
`
}

/** Of the kubelet of `edge-7`; whoever signed it does not matter. */
export const KUBELET_CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBwDCCAWWgAwIBAgIUW2O4p757vMhRdP07VJfj8EZjGjowCgYIKoZIzj0EAwIw
NDEVMBMGA1UECgwMc3lzdGVtOm5vZGVzMRswGQYDVQQDDBJzeXN0ZW06bm9kZTpl
ZGdlLTcwIBcNMjYxMTI5MTgyMzM2WhgPMjEyNjExMDUxODIzMzZaMDQxFTATBgNV
BAoMDHN5c3RlbTpub2RlczEbMBkGA1UEAwwSc3lzdGVtOm5vZGU6ZWRnZS03MFkw
EwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAExAcz2DyscGiMdEo3K5ieAV9gTaGIB3RM
dOIr9lMTo+NTmj2E7gkPFYqNVtucW5HiNQeDEJd3lvIcWw+SxpKut6NTMFEwHQYD
VR0OBBYEFLbPBcIf+VriycYeK8qaHYPqs071MB8GA1UdIwQYMBaAFLbPBcIf+Vri
ycYeK8qaHYPqs071MA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSQAwRgIh
ALWtvblnlCPo2QfofvkXzS9bxq+UQxdDgsuq1UX7OMxHAiEAmvwC6lb1fcAvxSeP
mUV7gFmQo7WnCFOTo5RS4u0qFv8=
-----END CERTIFICATE-----
`
