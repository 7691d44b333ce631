#!/usr/bin/env bash
# Drives the real window under a virtual display with software Vulkan: opens pictures, moves the slider, runs an attack,
# pastes from the clipboard, opens and saves by dialog, runs the commands that it copies, and takes the README's screenshots. Fails if the window
# dies, shows nothing, or copies a command that does not run; and if a missing display or graphics adapter is not told
# in one line.
#
# Needs Xvfb, xdotool, xclip, ImageMagick and Mesa's software Vulkan. Debian:
#   apt-get install xvfb xdotool xclip imagemagick libvulkan1 mesa-vulkan-drivers
#
# usage: tests/window.sh [FOLDER]   (default assets/screenshots)
# environment: DENOSCOPE (the binary, default target/debug/denoscope), ARGUMENTS (passed to it),
#   SIZE (the window's, default 1280x800: only this size is driven by its places, others are photographed)
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-assets/screenshots}
binary=$(realpath "${DENOSCOPE:-target/debug/denoscope}")
size=${SIZE:-1280x800}
read -r -a arguments <<<"${ARGUMENTS:-}"
home=$(mktemp -d)
mkdir -p "$out"

display=:$((90 + RANDOM % 400))
Xvfb "$display" -screen 0 "${size}x24" >/dev/null 2>&1 &
server=$!
export DISPLAY=$display HOME=$home XDG_DATA_HOME=$home/data
unset WAYLAND_DISPLAY
for driver in /usr/share/vulkan/icd.d/lvp_icd*.json; do export VK_ICD_FILENAMES=$driver; done
trap 'kill "${window:-$server}" 2>/dev/null || true; kill "$server" 2>/dev/null || true; rm -rf "$home"' EXIT

# A stand-in for the file dialog, which is asked where there is no desktop portal.
mkdir "$home/bin"
cat >"$home/bin/zenity" <<'ZENITY'
#!/bin/sh
[ -f "$HOME/choice" ] && cat "$HOME/choice" && rm "$HOME/choice"
ZENITY
chmod +x "$home/bin/zenity"
export PATH=$home/bin:$PATH DBUS_SESSION_BUS_ADDRESS=unix:path=/nowhere

for _ in $(seq 60); do xdotool getmouselocation >/dev/null 2>&1 && break; sleep 0.5; done

# Where no window can open there is one line, and the command line works.
refuses() {
  local why=$1 status=0
  shift
  env "$@" timeout 60 "$binary" >"$home/refusal.out" 2>"$home/refusal" || status=$?
  if [ "$status" != 1 ] || [ "$(grep -c . "$home/refusal")" != 1 ] || ! grep -q "denoscope --help" "$home/refusal"; then
    echo "$why is not told in one line (status $status):"; cat "$home/refusal"; exit 1
  fi
  if grep -qE 'WGPU|[{}]' "$home/refusal"; then echo "$why is told in a library's words:"; cat "$home/refusal"; exit 1; fi
  env "$@" "$binary" analyze sample:digits/3 --model digits >/dev/null || { echo "$why stops the command line"; exit 1; }
  echo "$why: $(cat "$home/refusal")"
}
refuses "a missing display" -u DISPLAY
refuses "a missing adapter" VK_ICD_FILENAMES=/nowhere VK_DRIVER_FILES=/nowhere LIBGL_DRIVERS_PATH=/nowhere \
  __EGL_VENDOR_LIBRARY_FILENAMES=/nowhere

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
  xdotool mousemove $((${size%x*} - 2)) $((${size#*x} - 2)); sleep 0.3
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
# Presses keys that open a file dialog, and answers it.
choose() {
  echo "$2" >"$home/choice"
  key "$1" 3
}
# Copies the command for what is on screen, and runs it.
copied_command_runs() {
  key ctrl+shift+c 1.5
  local lines
  lines=$(timeout 5 xclip -selection clipboard -t UTF8_STRING -o) || { echo "no command on the clipboard"; exit 1; }
  case $lines in *"$1"*) ;; *) echo "the copied command is not about $1: $lines"; exit 1 ;; esac
  while IFS= read -r line; do
    # In a folder of its own: a command may write a sheet.
    (cd "$(mktemp -d -p "$home")" && eval "\"$binary\" ${line#denoscope }") >"$home/answer" || { echo "this does not run: $line"; exit 1; }
  done <<<"$lines"
  echo "ran: ${lines//$'\n'/; }"
}

wait_for_window
xdotool windowsize "$id" "${size%x*}" "${size#*x}"; xdotool windowmove "$id" 0 0; xdotool windowfocus "$id"
sleep "${WARM:-8}"
# The tour of the first start.
key Escape

if [ "$size" != 1280x800 ]; then
  for view in "show classes" "show adversary" "show beliefs over" "show model" "dark or light" "show classes"; do
    palette "$view" 4
    shot "${view// /-}-$size"
  done
  key F1 2
  shot "help-$size"
  exit
fi

# Another picture of the filmstrip, and back.
xdotool mousemove 372 739 click 1; sleep 2
xdotool mousemove 204 739 click 1; sleep 2
# The slider: click at three quarters of it, then drag.
xdotool mousemove 800 58 click 1; sleep 1
xdotool mousemove 633 88 mousedown 1 mousemove 700 88 mousemove 900 88 mouseup 1; sleep 2
shot slider
key 3
shot overview
copied_command_runs sample:cifar10/cat.png
palette "classes gradients"
shot gradients
palette "classes restorations"
palette "show adversary" 6
shot adversary 4
copied_command_runs "attack sample:cifar10/cat.png"
palette "dark or light" 2
palette "show classes" 2
shot light
palette "dark or light"
key F1 2
shot help
key Escape
# Digits from here on.
palette "use the model digits" 4
# A picture from the clipboard: xclip keeps it there until something else is copied.
convert -size 300x200 xc:gray8 -fill white -draw "rectangle 140,40 160,160" "$home/one.png"
xclip -selection clipboard -t image/png -i "$home/one.png"
key ctrl+v 3
copied_command_runs /pictures/pasted-
grep -q "p(c | y).* 1$" "$home/answer" || { echo "a stroke is not read as a 1:"; cat "$home/answer"; exit 1; }
# By dialogs: a picture in; the sheet, the numbers and the session out; and the session in again.
choose ctrl+o "$home/one.png"
copied_command_runs /one.png
choose ctrl+e "$home/sheet.png"
choose ctrl+shift+e "$home/data.json"
choose ctrl+s "$home/session.json"
for file in sheet.png data.json session.json; do
  [ -s "$home/$file" ] || { echo "$file was not saved"; exit 1; }
done
key ctrl+w 2
choose ctrl+o "$home/session.json"
copied_command_runs /one.png
palette "draw a picture" 4
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
copied_command_runs /pictures/drawing-1-
xdotool mousemove 946 88 click 1; sleep 8
shot drawing 3
xdotool key --clearmodifiers ctrl+q
for _ in $(seq 20); do kill -0 "$window" 2>/dev/null || break; sleep 0.5; done
if kill -0 "$window" 2>/dev/null; then echo "the window does not close"; exit 1; fi
echo "screenshots are in $out"
