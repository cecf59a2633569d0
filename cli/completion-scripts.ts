/**
 * The scripts that let a shell complete `kvs-infer`: each asks the program itself, by `kvs-infer complete -- words…`, and
 * shows what it answers. Invariant: a line is `word<TAB>about`, or `:files` alone, which means the shell's own file names.
 */
export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

export const filesLine = ':files';

/** @param program path of kvs-infer.mjs, since aliases and `npx` are not known within a completion. */
export function completionScript(shell: Shell, program: string): string {
  const ask = `node '${program.replaceAll("'", "'\\''")}' complete --`;
  return scripts[shell](ask);
}

const scripts: Record<Shell, (ask: string) => string> = {
  bash: (ask) => `_kvs_infer() {
  local line current="\${COMP_WORDS[COMP_CWORD]}"
  [ "$current" = "=" ] && current=""
  COMPREPLY=()
  while IFS= read -r line; do
    if [ "$line" = "${filesLine}" ]; then
      compopt -o default
      return
    fi
    line="\${line%%$'\\t'*}"
    case "$line" in "$current"*) COMPREPLY+=("$line") ;; esac
  done < <(${ask} "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _kvs_infer kvs-infer`,

  zsh: (ask) => `#compdef kvs-infer
_kvs_infer() {
  local line
  local -a found
  for line in "\${(@f)$(${ask} "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    if [[ "$line" == "${filesLine}" ]]; then
      _files
      return
    fi
    [[ -n "$line" ]] && found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done
  _describe 'kvs-infer' found
}
compdef _kvs_infer kvs-infer`,

  fish: (ask) => `function __kvs_infer_complete
  set -l words (commandline -opc) (commandline -ct)
  set -l found (${ask} $words[2..-1] 2>/dev/null)
  if test "$found[1]" = "${filesLine}"
    __fish_complete_path (commandline -ct)
  else
    printf '%s\\n' $found
  end
end
complete -c kvs-infer -f -a '(__kvs_infer_complete)'`,
};
