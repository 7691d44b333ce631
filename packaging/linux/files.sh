#!/bin/sh
# Lays out what a Linux package holds, below FOLDER: packaging/linux/files.sh PROGRAM FOLDER
set -eu
program=$(realpath "$1")
folder=$2
root=$(cd "$(dirname "$0")/../.." && pwd)

put() { install -D -m "$1" "$2" "$folder/$3"; }
put 755 "$program" bin/denoscope
put 644 "$root/packaging/linux/denoscope.desktop" share/applications/denoscope.desktop
for size in 16 32 48 64 128 256; do
    put 644 "$root/packaging/icons/denoscope-$size.png" "share/icons/hicolor/${size}x$size/apps/denoscope.png"
done
# The README with all that it and its pages lead to.
(cd "$root" && ls ./*.md LICENSE-* tests/reference/README.md assets/*.png && find docs examples assets/screenshots assets/lab -type f) |
    while IFS= read -r page; do put 644 "$root/$page" "share/doc/denoscope/$page"; done
"$program" man --force "$folder/share/man/man1" >/dev/null
words() {
    mkdir -p "$(dirname "$folder/$2")"
    "$program" completions "$1" >"$folder/$2"
}
words bash share/bash-completion/completions/denoscope
words zsh share/zsh/site-functions/_denoscope
words fish share/fish/vendor_completions.d/denoscope.fish
