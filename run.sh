#!/bin/sh
# Keeps .venv equal to the locked requirements, then runs the command line: `./run.sh --help`.
# Nothing is installed when nothing changed, so every start after the first costs no set-up time.
set -eu

root=$(dirname -- "$(readlink -f -- "$0")")
venv=$root/.venv
node=$root/tests/node

say() { printf 'voicetap: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

fits() { "$1" -c 'import sys; sys.exit(not (3, 12) <= sys.version_info < (3, 14))' 2>/dev/null; }

find_python() { # prints the interpreter itself, not a shim that depends on the current folder
    cd "$root"
    for name in python3.13 python3.12 python3 python; do
        fits "$name" && "$name" -c 'import sys; print(sys.executable)' && return
    done
    fail "Python 3.12 or 3.13 is needed and was not found; install it (apt install python3.12-venv, brew install python@3.13) and start again"
}

make_venv() { # keeps what is there when it works; the .pth file lets Python find the packages of this checkout from any folder
    if ! fits "$venv/bin/python"; then
        python=$(find_python)
        say "first start: making an environment with $python"
        "$python" -m venv --clear "$venv" || fail "could not make $venv; on Debian and Ubuntu: apt install python3-venv"
    fi
    printf '%s\n' "$root" >"$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/voicetap.pth"
    printf '%s\n' "$root" >"$venv/root"
}

# The lock names every package, so nothing is resolved here: what it lists is installed and nothing else.
install() {
    cmp -s "$root/$1" "$venv/$1" && return
    say "installing what $1 names; this takes a minute, once"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r "$root/$1" >&2 ||
        fail "the packages of $1 could not be installed; see above"
    cp "$root/$1" "$venv/$1"
}

apt_install() { # the advice for where it cannot be done, then the packages
    advice=$1
    shift
    command -v apt-get >/dev/null || fail "$advice"
    as_root=
    [ "$(id -u)" = 0 ] || as_root="sudo -n"
    say "installing $*"
    { $as_root apt-get update -qq && $as_root apt-get install -y -qq --no-install-recommends "$@"; } >&2 || fail "$advice"
}

need_node() {
    command -v node >/dev/null && command -v npm >/dev/null && return
    apt_install "the tests with Node clients need node (18 or later) and npm; install them and start again" nodejs npm
}

need_chromium() {
    "$venv/bin/python" "$root/tests/chromium.py" >/dev/null && return
    apt_install "the tests with a browser need Chromium or Chrome; install it (apt install chromium) and start again" chromium
}

install_node_packages() {
    cmp -s "$node/package-lock.json" "$node/node_modules/.installed" && return
    need_node
    say "installing the Node clients of the tests"
    (cd "$node" && npm ci --silent --no-audit --no-fund >&2) || fail "npm ci failed in tests/node; see above"
    cp "$node/package-lock.json" "$node/node_modules/.installed"
}

# A moved or copied checkout, or a Python that is gone, sets the environment up anew.
[ -x "$venv/bin/python" ] && [ "$(cat "$venv/root" 2>/dev/null)" = "$root" ] || make_venv
install requirements.txt
case "${1-}" in
test)
    install requirements-test.txt
    install_node_packages
    need_chromium
    ;;
bench)
    install requirements-test.txt
    shift
    exec "$venv/bin/python" -P -m bench "$@"
    ;;
esac
exec "$venv/bin/python" -P -m cli "$@"
