/** The folder in which a running agent and who asks it meet: one flag of several commands. Data only. */

/** `help`: what the command does with it. */
export function runDirFlag<const Group extends string, const Help extends string>(group: Group, help: Help) {
  return { name: 'run-dir', kind: 'string', default: '/run/vtepd', placeholder: 'dir', group, help } as const
}
