#!/usr/bin/env bash
# 200 classes at 64×64: one small network trained jointly, to classify only and to denoise only, on the same pictures for as long,
# and what each can do on the validation pictures. The table of docs/models.md, "Joint against one task alone, 200 classes", is its figures.
#
# usage: benches/tiny-imagenet.sh TRAIN VAL OUT
#   TRAIN  a folder with one folder of training pictures a class
#   VAL    the same of validation pictures
#   OUT    a folder for models, logs and figures; what is there already is not done again, a run that was stopped goes on
# environment: DENOSCOPE (the program, default target/release/denoscope), EPOCHS (1), PICTURES (of validation, 10000)
set -euo pipefail
train=$(realpath "$1") val=$(realpath "$2")
mkdir -p "$3"
out=$(realpath "$3")
cd "$(dirname "$0")/.."
program=${DENOSCOPE:-target/release/denoscope}
network=(--size 64 --widths "24,48,96,160" --blocks "1,1,1,1" --strides "1,2,2,2" --decay-muon 0.05 --epochs "${EPOCHS:-1}" --seed 0)
for objective in joint classify denoise; do
  model=$out/$objective.safetensors
  if [ -f "$model.state" ]; then
    "$program" train --data "$train" --out "$model" --resume
  else
    "$program" train --data "$train" --out "$model" "${network[@]}" --objective "$objective"
  fi
  [ -f "$out/$objective.json" ] || "$program" eval --model "$model" --data "$val" --sigmas 1/255,15/255,25/255,50/255,0.5 \
    --limit "${PICTURES:-10000}" --json "$out/$objective.json"
done
