#!/bin/sh
# Everything `make bench` measures, then one table. Wants a machine that does nothing else meanwhile.
#
#   VENV         ARD's environment (made by `make setup`)
#   STUDY        a finished study for the extraction and retrieval overheads; they are left out without one
#   DEMO         the demo study, for a dragged slider; left out without one
#   BENCH_VENV   environment of the peers, made here
#   TORCH_INDEX  where PyTorch comes from, as for `make setup`
#   ROUNDS       timed steps per trainer (20)
#   THREADS      CPU threads (2)
set -eu
cd "$(dirname "$0")/.."

VENV=${VENV:-.venv}
BENCH_VENV=${BENCH_VENV:-.bench}
PYTHON=${PYTHON:-$VENV/bin/python}
THREADS=${THREADS:-2}
ROUNDS=${ROUNDS:-20}
STUDY=${STUDY:-}
failed=""

say() { printf 'bench: %s\n' "$*"; }

if [ ! -f "$BENCH_VENV/.ready" ] || [ benchmarks/requirements.txt -nt "$BENCH_VENV/.ready" ]; then
    say "installing the peers into $BENCH_VENV (about a gigabyte, once)"
    [ -x "$BENCH_VENV/bin/python" ] || "$PYTHON" -m venv "$BENCH_VENV"
    torch=$(grep '^torch==' constraints.txt)
    # PyTorch first and fixed, or a peer's dependency would bring another one
    if [ -n "${TORCH_INDEX:-}" ]; then
        "$BENCH_VENV/bin/python" -m pip install -q --index-url "$TORCH_INDEX" "$torch"
    fi
    "$BENCH_VENV/bin/python" -m pip install -q "$torch" -c constraints.txt -r benchmarks/requirements.txt
    touch "$BENCH_VENV/.ready"
fi

run() {
    name=$1
    shift
    say "$name"
    OMP_NUM_THREADS=$THREADS "$@" || failed="$failed $name"
}

run round_trip "$BENCH_VENV/bin/python" benchmarks/round_trip.py
run training_step "$BENCH_VENV/bin/python" benchmarks/training_step.py --rounds "$ROUNDS" --threads "$THREADS"
if [ -n "$STUDY" ] && [ -f "$STUDY/study.toml" ]; then
    run extraction_overhead "$VENV/bin/python" benchmarks/extraction_overhead.py "$STUDY"
    run retrieval_overhead "$VENV/bin/python" benchmarks/retrieval_overhead.py "$STUDY"
    run listening "$VENV/bin/python" benchmarks/listening.py "$STUDY"
else
    say "no study: extraction_overhead, retrieval_overhead and listening are left out (make bench STUDY=DIR)"
fi
if [ -n "${DEMO:-}" ] && [ -f "$DEMO/study.toml" ]; then
    run steering_drag "$VENV/bin/python" benchmarks/steering_drag.py "$DEMO" --threads "$THREADS"
else
    say "no demo study: steering_drag is left out (make bench DEMO=DIR)"
fi
run steering "$VENV/bin/python" benchmarks/steering.py --threads "$THREADS"
run retrieval_memory "$VENV/bin/python" benchmarks/retrieval_memory.py
run playback "$VENV/bin/python" benchmarks/playback.py
run monosemanticity "$VENV/bin/python" benchmarks/monosemanticity.py
estimated=$(mktemp -d)
run estimate "$VENV/bin/python" benchmarks/estimate.py --out "$estimated"
rm -rf "$estimated"

"$VENV/bin/python" benchmarks/result.py --into docs/performance.md
if [ -n "$failed" ]; then
    say "these did not finish:$failed"
    exit 1
fi
