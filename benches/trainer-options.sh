#!/usr/bin/env bash
# One option of the trainer at a time, at a size that two cores do in half an hour: the same small network, the same
# arithmetic, the same pictures, measured on training pictures that were kept aside (never on the test set). The tables
# of docs/models.md, "One option at a time", are its figures.
#
# usage: benches/trainer-options.sh CIFAR10 OUT
#   CIFAR10  the folder of CIFAR-10's binary files; its fifth training file is what is measured on
#   OUT      a folder for models, logs and figures; what is there already is not done again, a run that was stopped goes on
# environment: DENOSCOPE (the program, default target/release/denoscope), STEPS (of the run without options, 1875)
set -euo pipefail
cifar=$(realpath "$1")
mkdir -p "$2/data"
out=$(realpath "$2")
cd "$(dirname "$0")/.."
program=${DENOSCOPE:-target/release/denoscope}
steps=${STEPS:-1875}
if [ ! -f "$out/data/data_batch_5.bin" ]; then
  # Records of one byte for the class and 3072 for the pixels.
  cat "$cifar"/data_batch_[1-4].bin | split -b $((8000 * 3073)) --numeric-suffixes=1 -a 1 --additional-suffix=.bin - "$out/data/data_batch_"
fi
ln -sf "$cifar/data_batch_5.bin" "$out/data/test_batch.bin"
ln -sf "$cifar/batches.meta.txt" "$out/data/"

# trial NAME LENGTH OPTIONS…: LENGTH is in hundredths of the run without options. Rows that train the classes alone take three
# of seven passes, so such runs are longer.
trial() {
  local name=$1 length=$2 model=$out/$1.safetensors
  shift 2
  local measured=$out/$name.json
  if [ ! -f "$measured" ]; then
    if [ -f "$model.state" ]; then
      "$program" train --out "$model" --resume
    else
      "$program" train --data "$out/data" --out "$model" --decay-muon 0.05 --holdout 100 --steps $((steps * length / 100)) "$@"
    fi
    "$program" eval --model "$model" --data "$out/data" --sigmas 1/255,15/255,25/255,50/255,0.5 --json "$measured"
  fi
}
small=(--widths "32,64,128" --blocks "1,2,2")
near=(--classify-sigma-distribution log-normal:0.02:1)

trial none 100 "${small[@]}"
trial none-1 100 "${small[@]}" --seed 1
trial none-2 100 "${small[@]}" --seed 2
trial classify-share 117 "${small[@]}" --classify-share 0.25
trial near-clean 117 "${small[@]}" --classify-share 0.25 "${near[@]}"
trial mixup 117 "${small[@]}" --classify-share 0.25 "${near[@]}" --mixup 0.2
trial learned-weights 100 "${small[@]}" --learned-weights --lambda 1
trial deeper 100 --widths "24,48,96" --blocks "3,3,3"
trial log-normal 100 "${small[@]}" --sigma-distribution log-normal:0.03:2
