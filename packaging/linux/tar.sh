#!/bin/sh
# Makes denoscope-VERSION-MACHINE-linux.tar.gz with an install script: packaging/linux/tar.sh PROGRAM FOLDER
set -eu
program=$(realpath "$1")
out=$(realpath "$2")
here=$(cd "$(dirname "$0")" && pwd)
version=$("$program" --version | cut -d ' ' -f 2)
name="denoscope-$version-$(uname -m)-linux"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$here/files.sh" "$program" "$work/$name/files"
install -m 755 "$here/install.sh" "$work/$name/install.sh"
tar --owner=0 --group=0 --sort=name -C "$work" -czf "$out/$name.tar.gz" "$name"
echo "$out/$name.tar.gz"
