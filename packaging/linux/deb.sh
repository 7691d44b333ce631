#!/bin/sh
# Makes the Debian package in target/debian: packaging/linux/deb.sh. Needs cargo-deb (cargo install cargo-deb).
set -eu
cd "$(dirname "$0")/../.."
cargo build --release --locked
# Man pages and completions are the program's own words.
rm -rf target/package-files
packaging/linux/files.sh target/release/denoscope target/package-files
gzip -9nf target/package-files/share/man/man1/*.1
cargo deb --no-build
