"""Shell completion: the script for each shell, and the words that are known only here (sessions, keys, routes, policies)."""

from __future__ import annotations

import shlex
from enum import StrEnum
from typing import Final

import typer

from cli.options import ROOT

VARIABLE: Final = "_VOICETAP_COMPLETE"
"""The variable by which the scripts ask for completions instead of running a command (Typer's protocol)."""


class Shell(StrEnum):
    bash = "bash"
    zsh = "zsh"
    fish = "fish"


_SCRIPTS: Final = {
    Shell.bash: """\
_voicetap() {
    local IFS=$'\\n'
    COMPREPLY=($(env COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD="$COMP_CWORD" %(variable)s=complete_bash %(program)s))
}
complete -o default -F _voicetap run.sh
""",
    Shell.zsh: """\
_voicetap() { eval "$(env _TYPER_COMPLETE_ARGS="${words[1,$CURRENT]}" %(variable)s=complete_zsh %(program)s)" }
compdef _voicetap run.sh
""",
    Shell.fish: """\
function __voicetap; env %(variable)s=complete_fish _TYPER_COMPLETE_FISH_ACTION=$argv[1] \\
    _TYPER_COMPLETE_ARGS=(commandline -cp) %(program)s; end
complete --command run.sh --no-files --arguments '(__voicetap get-args)' --condition '__voicetap is-args'
""",
}


def completion(shell: Shell) -> None:
    """Print the completion script of a shell, for example `eval "$(./run.sh completion bash)"` in ~/.bashrc."""
    typer.echo(_SCRIPTS[shell] % {"variable": VARIABLE, "program": shlex.quote(str(ROOT / "run.sh"))}, nl=False)
