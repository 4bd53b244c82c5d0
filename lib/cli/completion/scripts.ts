/** What makes bash, zsh and fish complete commands and flags. Pure text. Must not: ask vtepd while somebody types. */
import type { FlagSpec } from '../flag-spec.ts'

export interface CompletedCommand {
  readonly name: string
  readonly summary: string
  readonly flags: readonly FlagSpec[]
}

const shown = ({ flags }: CompletedCommand): readonly FlagSpec[] => flags.filter((flag) => flag.hidden !== true)

export function bashCompletion(commands: readonly CompletedCommand[]): string {
  const cases = commands.map((command) => {
    const words = shown(command).map(({ name, kind }) => `--${name}${kind === 'bool' ? '' : '='}`)
    return `    ${command.name}) words='${words.join(' ')}' ;;`
  })
  return `# bash completion of vtepd: source it, or put it into /usr/share/bash-completion/completions/vtepd
_vtepd() {
  local current=\${COMP_WORDS[COMP_CWORD]} words
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ] && [ "\${current#-}" = "$current" ]; then
    words='${commands.map(({ name }) => name).join(' ')} version help'
  else
    case \${COMP_WORDS[1]} in
${cases.join('\n')}
    help) words='${commands.map(({ name }) => name).join(' ')}' ;;
    *) words='' ;;
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [ "\${COMPREPLY[0]%=}" = "\${COMPREPLY[0]}" ] || compopt -o nospace
}
complete -o default -F _vtepd vtepd
`
}

export function zshCompletion(commands: readonly CompletedCommand[]): string {
  const quote = (text: string): string => text.replace(/[\\[\]:]/g, '\\$&').replaceAll("'", "'\\''")
  const cases = commands.map((command) => {
    const flags = shown(command).map(
      ({ name, kind, help, placeholder }) =>
        `'--${name}${kind === 'bool' ? '' : '='}[${quote(help)}]${kind === 'bool' ? '' : `:${quote(placeholder ?? 'value')}:_files`}'`,
    )
    return `    ${command.name}) _arguments ${flags.join(' \\\n      ')} ;;`
  })
  const names = commands.map(({ name, summary }) => `    '${name}:${quote(summary)}'`)
  return `#compdef vtepd
# zsh completion of vtepd: put it into a folder of fpath, as _vtepd
_vtepd() {
  local -a commands=(
${names.join('\n')}
    'version:print the version'
    'help:the flags of a command'
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  case $words[2] in
${cases.join('\n')}
    help) _describe command commands ;;
  esac
}
_vtepd "$@"
`
}

export function fishCompletion(commands: readonly CompletedCommand[]): string {
  const quote = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
  const lines = commands.flatMap((command) => [
    `complete -c vtepd -n __fish_use_subcommand -a ${command.name} -d ${quote(command.summary)}`,
    ...shown(command).map(
      ({ name, kind, help }) =>
        `complete -c vtepd -n '__fish_seen_subcommand_from ${command.name}' -l ${name}${kind === 'bool' ? '' : ' -r'} -d ${quote(help)}`,
    ),
  ])
  return `# fish completion of vtepd: put it into a folder of fish_complete_path, as vtepd.fish
complete -c vtepd -n __fish_use_subcommand -a version -d 'print the version'
complete -c vtepd -n __fish_use_subcommand -a help -d 'the flags of a command'
${lines.join('\n')}
`
}
