#!/bin/sh
# The kernels' tests where `cargo test` does not run them: under rustc's address sanitizer, and compiled for 64-bit Arm
# (NEON) in an emulator. Not part of tests/run.sh: each part builds everything anew, some ten minutes on two cores.
#
# Needs, for the second part, Rust's standard library for Arm, Arm's C compiler and qemu-user. With rustup and Debian:
#   rustup target add aarch64-unknown-linux-gnu
#   apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user
#
# usage: tests/kernels.sh [sanitizer] [neon]   (default both)
# environment: TARGET, where to build (default target/kernels)
set -eu
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- sanitizer neon

kernels() {
    echo "== cargo test of the kernels for $1"
    cargo test --locked --lib --no-default-features --target "$1" --target-dir "${TARGET:-target/kernels}" kernels::
}

for part in "$@"; do
    case $part in
    sanitizer)
        # The sanitizer is an unstable option, which a stable compiler takes when told so.
        RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address kernels x86_64-unknown-linux-gnu
        ;;
    neon)
        CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc \
            CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
            CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64 -L /usr/aarch64-linux-gnu" \
            kernels aarch64-unknown-linux-gnu
        ;;
    *)
        echo "$0: $part is neither sanitizer nor neon" >&2
        exit 2
        ;;
    esac
done
