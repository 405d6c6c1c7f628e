"""Shell completion templates for bash, zsh and fish: settings, presets and models.

Each template has functions named after what they complete: `_vqclip_run` for a prompt and the
settings of a run, `_vqclip_presets`, and so on. `@RUN@` and its like are filled in by
`cli.commands.completion`. Keys are completed in two steps: `camera.` first, then `camera.zoom=`.
"""

from __future__ import annotations

BASH = r"""
# What vqclip adds: settings, presets, models, and prompts without a command.
_vqclip_ask() {
  "${COMP_WORDS[0]/#\~/$HOME}" completion "$1" 2>/dev/null
}

_vqclip_files() { compgen -f -- "$1"; }
_vqclip_all() { compgen -W "$(_vqclip_ask all)" -- "$1"; }
_vqclip_perceptors() { _vqclip_list "$1" "$(_vqclip_ask perceptors)"; }
_vqclip_presets() {
  _vqclip_list "$1" "$(_vqclip_ask presets)"
  compgen -f -X '!*.y*ml' -- "$1"
}

# $1: names with commas between them, the last of which is completed; $2: names there are
_vqclip_list() {
  compgen -P "${1%"${1##*,}"}" -W "$2" -- "${1##*,}"
}

_vqclip_run() { _vqclip_keys "$1" "@RUN@"; }
_vqclip_invert() { _vqclip_keys "$1" "@INVERT@"; }
_vqclip_train() { _vqclip_keys "$1" "@TRAIN@"; }

# $1: the word so far; $2: settings
_vqclip_keys() {
  local key
  for key in $2; do
    [[ $1 == *.* || $key != *.* ]] || key=${key%%.*}.
    [[ $key == "$1"* ]] && echo "$key"
  done | uniq
  compgen -f -- "$1"
}

_vqclip_values() {
  case $1 in
    vqgan) _vqclip_ask models ;;
    perceptors) _vqclip_ask perceptors ;;
@VALUES@
  esac
}

_vqclip() {
  local word=${COMP_LINE:0:COMP_POINT}
  word=${word##*[[:space:]]}
  if [[ $word =~ ^[a-z_][a-z_.]*= ]]; then
    local value=${word#*=} found
    COMPREPLY=()
    while IFS= read -r found; do
      # bash replaces what follows the last = or :, not the whole word
      COMPREPLY+=("${found#"${value%"${value##*:}"}"}")
    done < <(_vqclip_list "$value" "$(_vqclip_values "${word%%=*}")")
    return 0
  fi
  # A prompt without a command is given to generate.
  local -a line=("${COMP_WORDS[@]}")
  local place=$COMP_CWORD index
  for (( index = 1; index < place; index++ )); do
    case ${line[index]} in
      --json|--quiet|--debug) continue ;;
      @COMMANDS@) break ;;
    esac
    line=("${line[0]}" generate "${line[@]:1}")
    (( place++ ))
    break
  done
  local -a COMP_WORDS=("${line[@]}")
  local COMP_CWORD=$place
  _shtab_vqclip "$@"
  if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=.] ]]; then
    compopt -o nospace 2>/dev/null
  fi
  return 0
}

complete -o bashdefault -o default -F _vqclip vqclip
"""

ZSH = r"""
_vqclip_ask() {
  ${(Q)~_vqclip_command} completion $1 2>/dev/null
}

_vqclip_files() { _files }
_vqclip_all() { _vqclip_list all }
_vqclip_perceptors() { _vqclip_list perceptors }
_vqclip_presets() {
  _vqclip_list presets
  _files -g '*.y(|a)ml'
}

_vqclip_list() {
  local -a names
  names=(${(f)"$(_vqclip_ask $1)"})
  compset -P '*,'
  compadd -a names
}

_vqclip_run() { _vqclip_keys @RUN@ }
_vqclip_invert() { _vqclip_keys @INVERT@ }
_vqclip_train() { _vqclip_keys @TRAIN@ }

_vqclip_keys() {
  local -a keys
  local key
  if [[ $PREFIX == [a-z]*=* ]]; then
    key=${PREFIX%%=*}
    compset -P 1 '*='
    case $key in
      (vqgan) _vqclip_list models ;;
      (perceptors) _vqclip_list perceptors ;;
      (*)
        keys=(${=$(_vqclip_values $key)})
        if (( $#keys )); then compadd -a keys; else _files; fi
        ;;
    esac
    return
  fi
  for key in $@; do
    [[ $PREFIX == *.* || $key != *.* ]] || key=${key%%.*}.
    keys+=($key)
  done
  compadd -S '' -- ${(u)keys}
  _files
}

_vqclip_values() {
  case $1 in
@VALUES@
  esac
}

# A prompt without a command is given to generate.
functions[_vqclip_shtab]=$functions[_shtab_vqclip]
_shtab_vqclip() {
  local _vqclip_command=$words[1] word
  for word in "${(@)words[2,CURRENT-1]}"; do
    case $word in
      (--json|--quiet|--debug) continue ;;
      (@COMMANDS@) break ;;
      (*)
        words=("$words[1]" generate "${(@)words[2,-1]}")
        (( CURRENT++ ))
        break
        ;;
    esac
  done
  _vqclip_shtab "$@"
}
"""

FISH = r"""
function _vqclip_ask
  set -l words (commandline -opc)
  $words[1] completion $argv[1] 2>/dev/null
end

function _vqclip_files
  __fish_complete_path (commandline -ct)
end

function _vqclip_all
  _vqclip_ask all
end

function _vqclip_perceptors
  _vqclip_list '' (_vqclip_ask perceptors)
end

function _vqclip_presets
  _vqclip_list '' (_vqclip_ask presets)
  __fish_complete_suffix .yaml
end

# $argv[1]: what stands before the names, with commas between them; the rest: names there are
function _vqclip_list
  set -l word (string replace -- "$argv[1]" '' (commandline -ct))
  set -l before (string replace -r '[^,]*$' '' -- "$word")
  for name in $argv[2..]
    echo "$argv[1]$before$name"
  end
end

function _vqclip_run
  _vqclip_keys @RUN@
end

function _vqclip_invert
  _vqclip_keys @INVERT@
end

function _vqclip_train
  _vqclip_keys @TRAIN@
end

function _vqclip_keys
  set -l word (commandline -ct)
  if string match -qr '^[a-z_][a-z_.]*=' -- "$word"
    set -l key (string split -m 1 = -- $word)
    switch $key[1]
      case vqgan
        _vqclip_list vqgan= (_vqclip_ask models)
      case perceptors
        _vqclip_list perceptors= (_vqclip_ask perceptors)
      case '*'
        set -l values (_vqclip_values $key[1])
        test -n "$values"; or set values (__fish_complete_path "$key[2]")
        for value in $values
          echo "$key[1]=$value"
        end
    end
    return
  end
  for key in $argv
    if not string match -q '*.*' -- "$word"; and string match -q '*.*' -- "$key"
      set key (string replace -r '\..*' '.' -- $key)
    end
    echo $key
  end
  __fish_complete_path "$word"
end

function _vqclip_values
  switch $argv[1]
@VALUES@
  end
end
"""

TEMPLATES = {"bash": BASH, "zsh": ZSH, "fish": FISH}
