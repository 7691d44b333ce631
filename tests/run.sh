#!/bin/sh
# Everything that must hold before a change lands: format, lints, all tests, documentation, and a smoke run of the command line.
# The development profile alone is used, and the program that the smoke run starts is the one that the tests built.
set -eu
cd "$(dirname "$0")/.."

say() {
    printf '\n== %s\n' "$*"
}

run() {
    say "$*"
    "$@"
}

# The window's tests draw with Mesa's software Vulkan, and scripts of models run in Python. Where packages can be installed, what is
# missing is installed.
packages="libvulkan1 mesa-vulkan-drivers python3"
if command -v dpkg >/dev/null && command -v apt-get >/dev/null; then
    missing=""
    for package in $packages; do
        dpkg -s "$package" >/dev/null 2>&1 || missing="$missing $package"
    done
    if [ -n "$missing" ] && [ "$(id -u)" = 0 ]; then
        say "installing$missing"
        export DEBIAN_FRONTEND=noninteractive
        apt-get update -q
        # shellcheck disable=SC2086 # a list of words
        apt-get install -q -y --no-install-recommends $missing
    elif [ -n "$missing" ]; then
        say "note: these packages are missing, and the window's tests may need them:$missing"
    fi
fi

# Tests that lack data, a graphics adapter, a browser or a Python with torch (DENOSCOPE_PYTHON names one) note here that they were skipped.
DENOSCOPE_SKIPPED=$(mktemp)
export DENOSCOPE_SKIPPED
trap 'rm -f "$DENOSCOPE_SKIPPED"' EXIT

run cargo fmt --check
run cargo clippy --locked --all-targets -- -D warnings
run cargo test --locked
run env RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps

say "smoke run of the command line"
program="${CARGO_TARGET_DIR:-target}/debug/denoscope"
folder=$(mktemp -d)
trap 'rm -rf "$folder" "$DENOSCOPE_SKIPPED"' EXIT
sample=assets/samples/digits/3.png
"$program" models
"$program" info cifar10
"$program" analyze assets/samples/cifar10/cat.png --sigma 25/255 --sheet "$folder/sheet.png" --json "$folder/analysis.json"
"$program" denoise "$sample" --model digits --sigma 0.5 --as 8 --output "$folder/eight.png"
"$program" attack "$sample" --model digits --method pgd --norm linf --epsilon 8/255 --json - >"$folder/attack.json"
for file in sheet.png analysis.json eight.png attack.json; do
    test -s "$folder/$file" || { echo "the smoke run wrote no $file"; exit 1; }
done

if [ -s "$DENOSCOPE_SKIPPED" ]; then
    say "skipped, for what this machine lacks:"
    sort -u "$DENOSCOPE_SKIPPED" | awk -F '\t' '{ printf "%s: %s (%s)\n", $1, $2, $3 }'
    count=$(sort -u "$DENOSCOPE_SKIPPED" | wc -l)
    kinds=$(sort -u "$DENOSCOPE_SKIPPED" | cut -f 1 | uniq -c | awk '{ printf "%s%s %s", separator, $1, $2; separator = ", " }')
    say "all of it passed but $((count)) skipped tests: $kinds"
else
    say "all of it passed, nothing was skipped"
fi
