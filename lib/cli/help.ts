/** What `vtepd --help` says. Text only, so that asking costs nothing. */

export const HELP = `vtepd keeps a Kubernetes node's VXLAN overlay in the kernel as it should be. It replaces flannel's agent node by node.

Usage: vtepd <command> [flags]
       vtepd <flags of run>          as flanneld is called, so that it can stand in its place

Commands:
  run        keep this node's overlay, until told to end
  status     how the agent on this host is
  peers      whom it knows, and whether their entries stand
  diff       what the kernel's tables lack or have too much
  check      whether this host has what an agent needs, before it is started
  explain    how a packet to an address would go, hop by hop
  events     what it said lately, and says
  log-level  make the running agent say more, or less
  cni        put the CNI configuration and plugins in place, or say what is missing
  sysctls    set once what pods need of this host's settings
  mirror     write claims as small objects, for clusters of some thousand nodes and more
  lab        build a fabric of several nodes on this machine, break it and watch it heal
  release    hand this node over to flannel without losing a packet
  cleanup    remove what vtepd left in the kernel and on disk
  version    print the version
  help       print this, or the flags of a command: vtepd help run

Examples:
  vtepd lab
  vtepd run --kubeconfig-file /etc/vtepd/kubeconfig --iface eth1
  vtepd run --k3s --print-config
  vtepd cleanup --dry-run

Exit status: 0 done, 1 could not be done, 2 wrong flags or configuration (nothing was touched).
`
