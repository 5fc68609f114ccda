#!/bin/sh
# The whole product in one run: starts the service on the embedded starter model, posts five photos of one toy
# that the model has never seen, follows the job, and leaves grid, report and weights in demo/.
set -eu

bin=$1
demo=demo
subject=${SUBJECT:-7}
class=${CLASS:-dog}

rm -rf "$demo"
mkdir -p "$demo"
"$bin" toybox --subject "$subject" --class "$class" --output "$demo/photos"

"$bin" serve --port 0 --data "$demo/data" --models models 2>"$demo/service.log" &
service=$!
trap 'kill "$service" 2>/dev/null || true; wait "$service" 2>/dev/null || true' EXIT INT TERM

url=""
for _ in $(seq 100); do
  url=$(sed -n 's/.*listening on \(http:[^ "]*\).*/\1/p' "$demo/service.log" | head -n 1)
  [ -n "$url" ] && break
  kill -0 "$service" 2>/dev/null || { cat "$demo/service.log" >&2; exit 1; }
  sleep 0.1
done
[ -n "$url" ] || { echo "the service did not come up; see $demo/service.log" >&2; exit 1; }
echo "service: $url"

# One field of a JSON answer; the service writes each answer on one line with sorted keys.
field() { sed -n "s/.*\"$1\":\"\\{0,1\\}\\([^\",}]*\\).*/\\1/p" | head -n 1; }

job=$(curl -sS -f -X POST "$url/v1/jobs" \
  -F "job={\"name\":\"demo\",\"class_noun\":\"$class\",\"base_model\":\"starter\",\"training\":{\"seed\":1},\"samples\":{\"every\":200,\"prompts\":[\"a {id} {class}\",\"a {id} {class} in the snow\"]}};type=application/json" \
  $(for photo in "$demo"/photos/*.png; do printf -- '-F images=@%s ' "$photo"; done) | tee "$demo/job.json" | field id)
echo "job:     $job ($class)"

started=$(date +%s)
while :; do
  curl -sS -f "$url/v1/jobs/$job" >"$demo/job.json"
  status=$(field status <"$demo/job.json")
  phase=$(field phase <"$demo/job.json")
  fraction=$(field fraction <"$demo/job.json")
  percent=$(awk -v f="${fraction:-0}" 'BEGIN { printf "%d", 100 * f }')
  line=$(printf '%-10s %-14s %3s %%  %4s s' "$status" "${phase:-}" "$percent" "$(($(date +%s) - started))")
  if [ -t 1 ]; then printf '\r%s' "$line"; else echo "$line"; fi
  case $status in
    succeeded) break ;;
    failed | cancelled) echo; cat "$demo/job.json" >&2; exit 1 ;;
  esac
  if [ -t 1 ]; then sleep 1; else sleep 5; fi
done
echo

curl -sS -f "$url/v1/jobs/$job/samples/grid.png" -o "$demo/grid.png"
report=$(curl -sS -f "$url/v1/jobs/$job/reports" | field id)
curl -sS -f "$url/v1/jobs/$job/reports/$report" -o "$demo/report.json"
curl -sS -f "$url/v1/jobs/$job/reports/$report/report.png" -o "$demo/report.png"
artifact=$(curl -sS -f "$url/v1/jobs/$job/artifacts" | tee "$demo/artifacts.json" | field id)
curl -sS -f "$url/v1/jobs/$job/artifacts/$artifact/files/model_index.json" -o "$demo/model_index.json"

echo "grid:    $demo/grid.png     base model beside the tuned one, same prompts and seeds"
echo "report:  $demo/report.png   and report.json"
echo "model:   GET $url/v1/jobs/$job/artifacts (files in $demo/data)"
