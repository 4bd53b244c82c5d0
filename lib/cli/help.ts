/** What `vtepd --help` says. Loads no command: asking costs nothing. */
import { ANSWERED_AT_ONCE, COMMANDS } from './command-list.ts'
import { fittedText, helpWidth } from './flag-help.ts'

/** `width`: columns of a line. */
export function renderHelp(width = helpWidth()): string {
  const all = [...COMMANDS, ...ANSWERED_AT_ONCE]
  const widest = Math.max(...all.map(({ name }) => name.length))
  const lines = all.map(({ name, summary }) => `  ${name.padEnd(widest)}  ${summary}`)
  return fittedText(
    `vtepd keeps a Kubernetes node's VXLAN overlay in the kernel as it should be.
It replaces flannel's agent node by node.

Usage: vtepd <command> [flags]
       vtepd <flags of run>   as flanneld is called, in whose place it can stand

Commands:
${lines.join('\n')}

Examples:
  vtepd lab
  vtepd check --kubeconfig-file /etc/vtepd/kubeconfig
  vtepd run --kubeconfig-file /etc/vtepd/kubeconfig --iface eth1
  vtepd run --k3s --print-config
  vtepd cleanup --dry-run

Exit status: 0 done, 1 could not be done, 2 wrong flags or configuration
(nothing was touched).
`,
    width,
  )
}
