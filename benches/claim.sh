#!/usr/bin/env bash
# The paper's claim about robustness, at a size that two cores do in an afternoon: is a network that models log p(y, c) harder to
# fool than one of the same size, budget and pictures that learns p(c | y) alone? Three networks for each seed: `joint`; `classify`,
# which sees the same noisy pictures; and `standard`, which sees pictures with next to no noise (sigma from 0.005 to 0.006). All are asked at
# sigma = 0.005. `benches/claim.py OUT` prints the tables, with standard errors over the seeds.
#
# usage: benches/claim.sh CIFAR10 OUT
#   CIFAR10  the folder of CIFAR-10's binary files
#   OUT      a folder for models, logs and figures; what is there already is not done again, a run that was stopped goes on
# environment: DENOSCOPE (the program, default target/release/denoscope), EPOCHS (2), SEEDS (0 1 2), PICTURES (test pictures
#   without an attack, 2000), ATTACKED (under PGD, 500), HARD (under the whole of AutoAttack, 200)
set -euo pipefail
data=$(realpath "$1")
mkdir -p "$2"
out=$(realpath "$2")
cd "$(dirname "$0")/.."
program=${DENOSCOPE:-target/release/denoscope}
network=(--widths "32,64,128" --blocks "1,2,2" --decay-muon 0.05 --epochs "${EPOCHS:-2}")

train() {
  local model=$out/$1.safetensors
  shift
  if [ -f "$model.state" ]; then
    "$program" train --data "$data" --out "$model" --resume
  else
    "$program" train --data "$data" --out "$model" "${network[@]}" "$@"
  fi
}
# measure NAME PART OPTIONS…
measure() {
  local file=$out/$1-$2.json model=$out/$1.safetensors resume=()
  shift 2
  # One that was stopped left a journal.
  if [ -f "$file.unfinished" ]; then resume=(--resume); fi
  [ -f "$file" ] || "$program" eval --model "$model" --data "$data" --sigmas 1/255 --json "$file" "${resume[@]}" "$@"
}

pgd=pgd:linf:0.5/255,pgd:linf:1/255,pgd:linf:2/255,pgd:linf:4/255,pgd:linf:8/255
pgd+=,pgd:l2:0.1,pgd:l2:0.25,pgd:l2:0.5
hard=autoattack:linf:0.5/255,autoattack:linf:1/255,autoattack:linf:2/255,autoattack:linf:8/255
for seed in ${SEEDS:-0 1 2}; do
  train "joint-$seed" --seed "$seed"
  train "classify-$seed" --seed "$seed" --objective classify
  train "standard-$seed" --seed "$seed" --objective classify --sigma-min 0.005 --sigma-max 0.006
  for kind in joint classify standard; do
    measure "$kind-$seed" clean --limit "${PICTURES:-2000}"
    measure "$kind-$seed" pgd --limit "${ATTACKED:-500}" --attacks "$pgd"
  done
done
for seed in ${SEEDS:-0 1 2}; do
  for kind in joint classify standard; do
    measure "$kind-$seed" autoattack --limit "${HARD:-200}" --attacks "$hard"
  done
done
