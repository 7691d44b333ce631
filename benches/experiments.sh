#!/usr/bin/env bash
# The experiments of docs/models.md, at a size that two cores do in half an hour: one network trained jointly, jointly
# with a share of conditional scores, to classify only and to denoise only, on the same pictures; what each can do; the
# bundled model by level and kind of noise; and a training step beside the sampling that JEM would do in its place.
#
# usage: benches/experiments.sh CIFAR10 OUT
#   CIFAR10  the folder of CIFAR-10's binary files
#   OUT      a folder for models, logs and figures; a run that was stopped goes on
# environment: DENOSCOPE (the program, default target/release/denoscope), PEER (the benchmark program, built if not given),
#   EPOCHS (4), PICTURES (test pictures for the first table, 10000), ATTACKED (for the attacks, 500)
set -euo pipefail
data=$(realpath "$1")
mkdir -p "$2"
out=$(realpath "$2")
cd "$(dirname "$0")/.."
program=${DENOSCOPE:-target/release/denoscope}
network=(--widths "32,64,128" --blocks "1,2,2" --decay-muon 0.05 --epochs "${EPOCHS:-4}" --seed 0)

train() {
  local name=$1
  shift
  local model=$out/$name.safetensors
  if [ -f "$model.state" ]; then
    "$program" train --data "$data" --out "$model" --resume
  else
    "$program" train --data "$data" --out "$model" "${network[@]}" "$@"
  fi
}
figures() {
  local name=$1 model=$2
  shift 2
  [ -f "$out/$name.json" ] || "$program" eval --model "$model" --data "$data" --json "$out/$name.json" "$@"
}

train joint
train conditional --conditional-share 0.2
train classify --objective classify
train denoise --objective denoise
for name in joint conditional classify denoise; do
  figures "$name" "$out/$name.safetensors" --sigmas 1/255,15/255,25/255,50/255,0.5 --limit "${PICTURES:-10000}"
done
attacks=pgd:linf:0.5/255,pgd:linf:1/255,pgd:linf:2/255,pgd:linf:4/255,pgd:linf:8/255
attacks+=,pgd:l2:0.05,pgd:l2:0.1,pgd:l2:0.25,pgd:l2:0.5,pgd:l2:1
for name in joint classify; do
  figures "$name-attacked" "$out/$name.safetensors" --sigmas 1/255 --attacks "$attacks" --limit "${ATTACKED:-500}"
done
figures levels cifar10 --sigmas 1/255,5/255,15/255,25/255,50/255,100/255,0.7,1,1.5,2 --limit "${PICTURES:-10000}"
figures kinds cifar10 --sigmas 25/255 --noises gaussian,poisson,salt-and-pepper,speckle,uniform,jpeg \
  --limit "${PICTURES:-10000}"
figures attacked cifar10 --sigmas 1/255 --attacks "$attacks" --limit "${ATTACKED:-500}"

# The median of nine, in ms, and the memory at its highest.
peer() { if [ -n "${PEER:-}" ]; then "$PEER" "$@"; else cargo bench -q --bench peer -- "$@"; fi; }
jobs=("train_step compact" "langevin 20 compact")
: >"$out/steps.txt"
for job in "${jobs[@]}"; do
  printf "%s\n" "$job" >"$out/job"
  milliseconds=$(for _ in $(seq 9); do cat "$out/job"; done | peer "$out" | sort -n | sed -n 5p)
  # shellcheck disable=SC2086 # words of the job
  echo "$job: $milliseconds ms, $(($(peer "$out" $job) / 1048576)) MiB" | tee -a "$out/steps.txt"
done
rm "$out/job"
