import type { Command } from 'commander';

/** The shells that can be helped. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;

/** One of {@link SHELLS}. */
export type Shell = (typeof SHELLS)[number];

/** One word that may come next, and what it is. */
interface Word {
  readonly word: string;
  readonly about: string;
}

/** What may follow a path of commands beside the options that are good everywhere; the root's path is empty. */
interface Step {
  readonly path: string;
  readonly commands: readonly Word[];
  readonly options: readonly Word[];
}

/** Writes the completion script of `shell` from the tree of commands itself, so that it never lags behind. */
export function completionScript(root: Command, shell: Shell): string {
  const everywhere = [...root.options.flatMap(optionWords), { word: '--help', about: 'show help' }];
  const steps = collectSteps(root, '');
  switch (shell) {
    case 'bash':
      return bashScript(root.name(), steps, everywhere);
    case 'zsh':
      return zshScript(root.name(), steps, everywhere);
    case 'fish':
      return fishScript(root.name(), steps, everywhere);
  }
}

function collectSteps(command: Command, path: string): Step[] {
  const commands = command.commands.map((child) => ({ word: child.name(), about: child.description() }));
  const options = path === '' ? [] : command.options.flatMap(optionWords);
  return [{ path, commands, options }, ...command.commands.flatMap((child) => collectSteps(child, `${path} ${child.name()}`.trim()))];
}

function optionWords(option: Command['options'][number]): Word[] {
  return option.long ? [{ word: option.long, about: option.description }] : [];
}

/** A case per path, chosen by the words before the cursor that are no options. */
function bashScript(name: string, steps: readonly Step[], everywhere: readonly Word[]): string {
  const cases = steps.map(({ path, commands, options }) => `    "${path}") words="${[...commands, ...options, ...everywhere].map(({ word }) => word).join(' ')}" ;;`);
  return `# ${name} completion for bash: source <(${name} completion bash)
_${name}() {
  local path="" words="" word i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    case "$path \${word}" in ${commandPatterns(steps)}) path="\${path:+$path }$word" ;; esac
  done
  case "$path" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _${name} ${name}
`;
}

function zshScript(name: string, steps: readonly Step[], everywhere: readonly Word[]): string {
  const cases = steps.map(({ path, commands, options }) => {
    const words = [...commands, ...options, ...everywhere].map(({ word, about }) => `'${word.replaceAll(':', '\\:')}:${quoted(about)}'`);
    return `    "${path}") words=(${words.join(' ')}) ;;`;
  });
  return `#compdef ${name}
# ${name} completion for zsh
_${name}() {
  local path="" word
  local -a words_before=(\${words[2,CURRENT-1]}) words
  for word in $words_before; do
    case "$path $word" in ${commandPatterns(steps)}) path="\${path:+$path }$word" ;; esac
  done
  case "$path" in
${cases.join('\n')}
  esac
  _describe '${name}' words
}
compdef _${name} ${name}
`;
}

function fishScript(name: string, steps: readonly Step[], everywhere: readonly Word[]): string {
  const lines = steps.flatMap(({ path, commands, options }) => {
    const when = path === '' ? '__fish_use_subcommand' : path.split(' ').map((word) => `__fish_seen_subcommand_from ${word}`).join('; and ');
    const children = commands.map(({ word, about }) => `complete -c ${name} -f -n '${when}' -a ${word} -d '${quoted(about)}'`);
    const flags = options.map(({ word, about }) => `complete -c ${name} -n '${when}' -l ${word.slice(2)} -d '${quoted(about)}'`);
    return [...children, ...flags];
  });
  const always = everywhere.map(({ word, about }) => `complete -c ${name} -l ${word.slice(2)} -d '${quoted(about)}'`);
  return `# ${name} completion for fish\n${[...always, ...lines].join('\n')}\n`;
}

/** Shell patterns of "path before, word": every way in which the path may grow. */
function commandPatterns(steps: readonly Step[]): string {
  return steps.flatMap(({ path, commands }) => commands.map(({ word }) => `"${path} ${word}"`)).join(' | ');
}

function quoted(text: string): string {
  return text.replaceAll("'", '’');
}
