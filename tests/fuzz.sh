#!/bin/sh
# Fuzzes the readers of foreign bytes, each for so many seconds, beginning with the seeds: tests/fuzz.sh [SECONDS [TARGET...]]
# Needs cargo-fuzz (cargo install cargo-fuzz). A finding lies in fuzz/artifacts/TARGET; once mended it goes to tests/seeds/TARGET.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-240}
[ $# -gt 0 ] && shift
# cargo-fuzz needs a compiler flag that the stable compiler keeps for its own use.
export RUSTC_BOOTSTRAP=1
[ $# -gt 0 ] || set -- picture checkpoint training_state journal session idx cifar training_log
for target in "$@"; do
    mkdir -p "fuzz/corpus/$target"
    features=
    [ "$target" = session ] && features="--features gui"
    # shellcheck disable=SC2086
    cargo fuzz run -s none $features "$target" "fuzz/corpus/$target" "tests/seeds/$target" -- \
        -max_total_time="$seconds" -timeout=20 -rss_limit_mb=4096 -max_len=16384
done
