#!/usr/bin/env bash
# Drives the real window under a virtual display with software Vulkan: opens pictures, moves the slider, runs an attack,
# and takes the README's screenshots. Fails if the window dies or shows nothing.
#
# Needs Xvfb, xdotool, ImageMagick and Mesa's software Vulkan. Debian:
#   apt-get install xvfb xdotool imagemagick libvulkan1 mesa-vulkan-drivers
#
# usage: tests/window.sh [FOLDER]   (default assets/screenshots)
# environment: DENOSCOPE (the binary, default target/debug/denoscope), ARGUMENTS (passed to it)
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-assets/screenshots}
binary=${DENOSCOPE:-target/debug/denoscope}
read -r -a arguments <<<"${ARGUMENTS:-}"
home=$(mktemp -d)
mkdir -p "$out"

display=:$((90 + RANDOM % 400))
Xvfb "$display" -screen 0 1280x800x24 >/dev/null 2>&1 &
server=$!
export DISPLAY=$display HOME=$home XDG_DATA_HOME=$home/data
for driver in /usr/share/vulkan/icd.d/lvp_icd*.json; do export VK_ICD_FILENAMES=$driver; done
trap 'kill "${window:-$server}" 2>/dev/null || true; kill "$server" 2>/dev/null || true; rm -rf "$home"' EXIT

for _ in $(seq 60); do xdotool getmouselocation >/dev/null 2>&1 && break; sleep 0.5; done
"$binary" "${arguments[@]}" 2>"$home/log" &
window=$!

alive() { kill -0 "$window" 2>/dev/null || { echo "the window died:"; cat "$home/log"; exit 1; }; }
wait_for_window() {
  for _ in $(seq 60); do
    alive
    id=$(xdotool search --onlyvisible --name '^Denoscope$' 2>/dev/null | head -1) && [ -n "$id" ] && return
    sleep 0.5
  done
  echo "no window after 30 s"; exit 1
}
key() { xdotool key --clearmodifiers "$1"; sleep "${2:-1}"; alive; }
shot() {
  sleep "${2:-2}"; alive
  xdotool mousemove 1278 798; sleep 0.3
  import -window root -strip -define png:compression-level=9 "$home/shot.png"
  colours=$(identify -format %k "$home/shot.png")
  [ "$colours" -gt 24 ] || { echo "$1 is blank ($colours colours)"; exit 1; }
  mv "$home/shot.png" "$out/$1.png"
}
# Runs a command by the palette, as a person would.
palette() {
  key ctrl+shift+p 0.7
  xdotool type --delay 20 "$1"; sleep 0.5
  key Return "${2:-1}"
}

wait_for_window
xdotool windowsize "$id" 1280 800; xdotool windowmove "$id" 0 0; xdotool windowfocus "$id"; sleep "${WARM:-8}"

# Another picture of the filmstrip.
xdotool mousemove 260 739 click 1; sleep 2
# The slider: click at three quarters of it, then drag.
xdotool mousemove 800 58 click 1; sleep 1
xdotool mousemove 633 88 mousedown 1 mousemove 700 88 mousemove 900 88 mouseup 1; sleep 2
shot slider
key 3
shot overview
palette "classes gradients"
shot gradients
palette "classes restorations"
palette "show adversary" 6
shot adversary 4
palette "dark or light" 2
palette "show classes" 2
shot light
palette "dark or light"
key F1 2
shot help
key Escape
palette "draw a picture" 2
# Something between a 4 and a 9: the sheet lies around (1113, 628).
stroke() {
  xdotool mousemove "$1" "$2" mousedown 1
  for step in $(seq 12); do
    xdotool mousemove $(($1 + ($3 - $1) * step / 12)) $(($2 + ($4 - $2) * step / 12)); sleep 0.03
  done
  xdotool mouseup 1; sleep 0.3
}
stroke 1098 600 1092 628
stroke 1092 628 1128 628
stroke 1100 598 1130 600
stroke 1132 598 1126 664
xdotool mousemove 946 88 click 1; sleep 2
shot drawing 3
xdotool key --clearmodifiers ctrl+q
for _ in $(seq 20); do kill -0 "$window" 2>/dev/null || break; sleep 0.5; done
if kill -0 "$window" 2>/dev/null; then echo "the window does not close"; exit 1; fi
echo "screenshots are in $out"
