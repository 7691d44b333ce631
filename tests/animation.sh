#!/usr/bin/env bash
# Makes the README's animation: the real window under a virtual display with software Vulkan, its slider drawn from little noise to much
# and back, twenty seconds of it.
#
# Needs Xvfb, xdotool, ImageMagick, ffmpeg and Mesa's software Vulkan. Debian:
#   apt-get install xvfb xdotool imagemagick ffmpeg libvulkan1 mesa-vulkan-drivers
#
# usage: tests/animation.sh [FILE.webp]   (default assets/screenshots/slider.webp; at most 3 MB, or it fails)
# environment: DENOSCOPE (the binary, default target/debug/denoscope), MODEL (default cifar10), SETTLE (seconds that a level is waited for)
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-assets/screenshots/slider.webp}
binary=${DENOSCOPE:-target/debug/denoscope}
width=960 height=600 # the window
frames=100           # at five a second
home=$(mktemp -d)

display=:$((90 + RANDOM % 400))
Xvfb "$display" -screen 0 "${width}x${height}x24" >/dev/null 2>&1 &
server=$!
export DISPLAY=$display HOME=$home XDG_DATA_HOME=$home/data
unset WAYLAND_DISPLAY
for driver in /usr/share/vulkan/icd.d/lvp_icd*.json; do export VK_ICD_FILENAMES=$driver; done
trap 'kill "${window:-$server}" 2>/dev/null || true; kill "$server" 2>/dev/null || true; rm -rf "$home"' EXIT
for _ in $(seq 60); do xdotool getmouselocation >/dev/null 2>&1 && break; sleep 0.5; done

"$binary" --model "${MODEL:-cifar10}" 2>"$home/log" &
window=$!
for _ in $(seq 120); do
  kill -0 "$window" 2>/dev/null || { echo "the window died:"; cat "$home/log"; exit 1; }
  id=$(xdotool search --onlyvisible --name '^Denoscope$' 2>/dev/null | head -1) && [ -n "$id" ] && break
  sleep 0.5
done
[ -n "$id" ] || { echo "no window after 60 s"; exit 1; }
xdotool windowsize "$id" "$width" "$height" windowmove "$id" 0 0 windowfocus "$id"
sleep "${WARM:-10}"
# The tour of the first start.
xdotool key Escape; sleep 1

# Along the rail of the slider: from left to right in the first half, back in the second, slower at both ends.
left=${LEFT:-230} right=${RIGHT:-640} rail=${RAIL:-88}
xdotool mousemove "$left" "$rail" mousedown 1
for frame in $(seq 0 $((frames - 1))); do
  x=$(awk -v f="$frame" -v n="$frames" -v l="$left" -v r="$right" \
    'BEGIN { t = (1 - cos(2 * 3.14159265 * f / n)) / 2; printf "%d", l + t * (r - l) }')
  xdotool mousemove "$x" "$rail"
  sleep "${SETTLE:-0.6}"
  import -window root "$(printf "%s/frame%03d.png" "$home" "$frame")"
done
xdotool mouseup 1

mkdir -p "$(dirname "$out")"
for quality in 60 45 30 20; do
  ffmpeg -loglevel error -y -framerate 5 -i "$home/frame%03d.png" -vf scale=800:-1:flags=lanczos -c:v libwebp_anim -loop 0 \
    -quality "$quality" -compression_level 6 "$home/slider.webp"
  bytes=$(stat -c %s "$home/slider.webp")
  [ "$bytes" -le 3000000 ] && break
done
[ "$bytes" -le 3000000 ] || { echo "the animation takes $bytes bytes"; exit 1; }
mv "$home/slider.webp" "$out"
echo "$out: $frames frames, $bytes bytes, quality $quality"
