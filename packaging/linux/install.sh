#!/bin/sh
# Installs Denoscope from the folder that this file lies in: ./install.sh [PREFIX], by default ~/.local. `--remove` takes it away.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
remove=
if [ "${1:-}" = --remove ]; then
    remove=yes
    shift
fi
prefix=${1:-$HOME/.local}

# Every file of the package: what is below `files` here goes to the same place below the prefix.
cd "$here/files"
find . -type f | while read -r file; do
    if [ -n "$remove" ]; then
        rm -f "$prefix/$file"
    else
        mkdir -p "$prefix/$(dirname "$file")"
        # Another name first: the program may be running.
        cp "$file" "$prefix/$file.new"
        mv "$prefix/$file.new" "$prefix/$file"
    fi
done
if [ -n "$remove" ]; then
    echo "removed from $prefix"
    exit 0
fi
echo "installed: $prefix/bin/denoscope"
case ":$PATH:" in
    *":$prefix/bin:"*) ;;
    *) echo "note: $prefix/bin is not on the PATH; add it, or start the program by its whole name" ;;
esac
