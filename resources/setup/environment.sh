#!/bin/sh
# Make the virtual environment in $VENV and install ARD into it, with the system libraries it needs.
set -eu

PYTHON=${PYTHON:-python3}
VENV=${VENV:-.venv}
SYSTEM="xvfb xauth libegl1 libgl1 libxkbcommon0 libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0 libxcb-xinerama0 libxcb-render-util0 libxcb-image0 libdbus-1-3 libfontconfig1 fonts-dejavu-core libportaudio2"

say() { printf 'setup: %s\n' "$*"; }

have_apt_root() { command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; }

apt_install() {
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" >/dev/null 2>&1 && return 0
    apt-get update -q >/dev/null 2>&1 || return 1
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" >/dev/null 2>&1
}

missing_system() {
    command -v dpkg-query >/dev/null 2>&1 || return 0
    for package in $SYSTEM; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok' || printf '%s ' "$package"
    done
}

command -v "$PYTHON" >/dev/null 2>&1 || {
    if have_apt_root; then say "installing python3"; apt_install python3 python3-venv || true; fi
}
"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    say "Python 3.11 or newer is needed; found: $("$PYTHON" --version 2>&1). Name one: make setup PYTHON=python3.12"
    exit 1
}

wanted=$(missing_system)
if [ -n "$wanted" ]; then
    if have_apt_root; then
        say "installing system libraries: $wanted"
        # shellcheck disable=SC2086
        apt_install $wanted || say "could not install them; the window and playback may be missing: apt-get install $wanted"
    else
        say "the window and playback need these system packages: sudo apt-get install $wanted"
    fi
fi

if [ ! -x "$VENV/bin/python" ]; then
    say "making $VENV"
    if ! "$PYTHON" -m venv "$VENV" >/dev/null 2>&1; then
        rm -rf "$VENV"
        if have_apt_root && apt_install python3-venv && "$PYTHON" -m venv "$VENV"; then :; else
            rm -rf "$VENV"
            "$PYTHON" -m virtualenv "$VENV" 2>/dev/null || {
                say "this Python cannot make virtual environments: sudo apt-get install python3-venv"
                exit 1
            }
        fi
    fi
fi

if [ -n "${TORCH_INDEX:-}" ]; then
    say "installing PyTorch from $TORCH_INDEX"
    "$VENV/bin/python" -m pip install -q -c constraints.txt --index-url "$TORCH_INDEX" torch
fi
say "installing ARD and its packages (some hundred megabytes the first time)"
"$VENV/bin/python" -m pip install -q -c constraints.txt -e '.[dev,parquet]'
say "ready: $VENV/bin/ard  (to check everything: $VENV/bin/ard doctor)"
