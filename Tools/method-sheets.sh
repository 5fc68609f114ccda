#!/usr/bin/env bash
# Trains every method on one rendered subject with the starter's own defaults and writes docs/pictures/METHOD.png
# (photos, base, checkpoints) and a table row for each: what is trained, what a file weighs, how long it takes.
#   Tools/method-sheets.sh [BINARY]
set -euo pipefail
cd "$(dirname "$0")/.."
binary=${1:-.build/release/dreambooth}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p docs/pictures

"$binary" toybox --output "$work/photos" --subject 7 --class dog --count 5 >/dev/null
echo "| Method | Trained values | Files | Steps | Training | In all |"
echo "|---|---|---|---|---|---|"
for method in dreambooth lora pivotal-tuning custom-diffusion textual-inversion; do
  begun=$(date +%s)
  "$binary" train --base starter --images "$work/photos" --class dog --method "$method" --seed 7 \
    --output "$work/$method" --json >"$work/events"
  seconds=$(($(date +%s) - begun))
  cp "$work/$method/samples/grid.png" "docs/pictures/$method.png"
  trained=$(grep -m1 -o '"trained_parameters":[0-9]*' "$work/events" | cut -d: -f2)
  steps=$(grep -m1 -o '"total_steps":[0-9]*' "$work/events" | cut -d: -f2)
  training=$(grep -m1 -o '"training" *: *[0-9][0-9.]*' "$work/$method/report.json" | grep -o '[0-9.]*$')
  files=""
  for format in diffusers lora_peft lora_kohya ti_diffusers ti_kohya; do
    if [ -d "$work/$method/$format" ]; then
      files+="$format $(du -sb --apparent-size "$work/$method/$format" | cut -f1 | numfmt --to=iec), "
    fi
  done
  echo "| $method | $trained | ${files%, } | $steps | ${training%.*} s | $seconds s |"
done
