import { RootCommand } from '@bomb.sh/tab';
import type { Action } from '../../deps.ts';
import type { ScriptInput, Shell } from './index.ts';
import { printed } from './printed.ts';

/** `uplift completion SHELL`: for `source`, so the script goes out as it is, never wrapped. */
export const scriptCommand: Action<ScriptInput> = async (_deps, { shell }) => {
  const script = completionScript(shell);
  return { exit: 0, kind: 'completion', data: { shell, script }, blocks: [], verbatim: script };
};

/** The script of the library; the one for bash with three changes, see below. */
export function completionScript(shell: Shell): string {
  const script = printed(() => new RootCommand().setup('uplift', 'uplift', shell));
  if (shell !== 'bash') return script;
  return BASH_CHANGES.reduce((text, { from, to }) => {
    if (!text.includes(from)) throw new Error(`the bash script of @bomb.sh/tab no longer holds: ${from}`);
    return text.replaceAll(from, () => to);
  }, script);
}

/**
 * The words up to the cursor, quoted: what the user typed is never evaluated. bash takes `=` for a word of its own and
 * completes what stands behind it, so it is left out here.
 */
const WORDS = `local at
    words=()
    for (( at = 0; at <= COMP_CWORD; at++ )); do
        [[ -z \${COMP_WORDS[at]} || \${COMP_WORDS[at]} == "=" ]] || words+=("$(printf %q "\${COMP_WORDS[at]}")")
    done
    cur=\${COMP_WORDS[COMP_CWORD]}
    [[ $cur != "=" ]] || cur=`;

const BASH_CHANGES = [
  // Sourced a second time, a readonly variable would be an error.
  { from: 'readonly ShellComp', to: 'ShellComp' },
  // A function of the package bash-completion, which macOS and small images lack.
  { from: '_get_comp_words_by_ref -n "=:" cur prev words cword', to: WORDS },
  // Files where the program asks for them; without this bash never offers any.
  { from: 'complete -F __uplift_complete uplift', to: 'complete -o default -F __uplift_complete uplift' },
] as const;
