#!/usr/bin/env bash
# Everything a machine with an NVIDIA GPU can tell about gpunn, in less than ten minutes and without a network:
#
#     bench/gpu/run.sh                              results into bench/results/
#     OUT=/tmp/out bench/gpu/run.sh facts steps     some sections, into another folder
#     GPUNN_BENCH_BACKEND=sim bench/gpu/run.sh      dry run on the stand-in: tiny sizes, no GPU, no figures worth keeping
#     GPUNN_BENCH_BACKEND=hosted bench/gpu/run.sh   dry run of the GPU's own backend: the real CuPy over a device in host memory
#
# Each section is a process with a limit of its own; one that fails or runs out of time does not stop the others. MNIST is read from
# GPUNN_DATA, or from .data/ in the checkout. Writes gpu-results.json, gpu-tests.txt and gpu-run.log.
set -uo pipefail
cd "$(dirname "$0")/../.."
export OUT="${OUT:-$PWD/bench/results}" GPUNN_BENCH_BACKEND="${GPUNN_BENCH_BACKEND:-gpu}"
export PYTHONUNBUFFERED=1 XLA_PYTHON_CLIENT_PREALLOCATE=false GPUNN_BACKEND=cpu
export GPUNN_COMMIT="${GPUNN_COMMIT:-$(git rev-parse HEAD 2>/dev/null)}"
if [ -z "${GPUNN_DATA:-}" ] && [ -d .data ]; then export GPUNN_DATA="$PWD/.data"; fi
python="${PYTHON:-python3}"
dry="-dry"; [ "$GPUNN_BENCH_BACKEND" = gpu ] && dry=""
hosted=""; [ "$GPUNN_BENCH_BACKEND" = hosted ] && hosted="$PWD/tests/gpu/hosted/run.py"
mkdir -p "$OUT"
log="$OUT/gpu-run$dry.log"
: > "$log"
rm -f "$OUT/gpu-results$dry.json"
say() { echo "$@" | tee -a "$log"; }

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
export GPUNN_CACHE="${GPUNN_CACHE:-$work/cache}"
# installed, not imported from the checkout: what is measured is what users get
mkdir "$work/source" "$work/site" && cp -r gpunn kernels pyproject.toml README.md LICENSE "$work/source/"
if ! "$python" -m pip install --quiet --no-deps --no-build-isolation --no-index --target "$work/site" "$work/source" >> "$log" 2>&1; then
  say "pip cannot install here (see above): gpunn is laid out as pip would"
  cp -r gpunn "$work/site/gpunn" && cp -r kernels "$work/site/gpunn/kernels" || exit 1
fi
export PYTHONPATH="$work/site${PYTHONPATH:+:$PYTHONPATH}"

tests() {
  local target="$GPUNN_BENCH_BACKEND" chosen=(tests/gpu/test_{training,arrays,kernels}.py)
  [ -n "$dry" ] && chosen=(tests/gpu/test_{training,arrays}.py)
  GPUNN_TEST_GPU="$target" "$python" -P -m pytest -m gpu -q -rs -W default -p no:cacheprovider --no-header "${chosen[@]}" > "$OUT/gpu-tests$dry.txt" 2>&1
  local status=$?
  tail -n 3 "$OUT/gpu-tests$dry.txt"
  return $status
}
export -f tests
export python dry

# section and its limit in seconds; all together they get GPUNN_BENCH_SECONDS, what matters most first
limits="facts 25 tests 130 capture 35 steps 120 parity 20 accuracy 45 bandwidth 80 persistent 30 cnn 45 stream 40 updates 40 lstm 25 texts 25 loops 25"
limits="$limits augment 20 replicas 25"
everything="${GPUNN_BENCH_SECONDS:-570}"
[ $# -gt 0 ] || set -- facts tests capture steps parity accuracy bandwidth persistent cnn stream updates lstm texts loops augment replicas
failed=""
for section in "$@"; do
  limit="$(echo "$limits" | tr ' ' '\n' | grep -A1 -x "$section" | tail -n 1)"
  [ -n "$limit" ] || { say "unknown section: $section"; failed="$failed $section"; continue; }
  left=$((everything - SECONDS))
  if [ -n "$dry" ]; then limit=$((limit * 10))  # the stand-in compiles for a busy CPU
  elif [ $left -lt 10 ]; then say "--- $section: no time is left"; failed="$failed $section"; continue
  elif [ $left -lt "$limit" ]; then limit=$left; fi
  say "--- $section (at most $limit s, after $SECONDS)"
  if [ "$section" = tests ]; then timeout "$limit" bash -c tests >> "$log" 2>&1
  else timeout --kill-after=5 "$limit" "$python" $hosted "bench/gpu/$section.py" >> "$log" 2>&1; fi
  status=$?
  [ $status -eq 0 ] || { failed="$failed $section"; say "$section ended with status $status"; }
done
[ -z "$failed" ] && say "all sections done" || say "failed:$failed"
[ -z "$failed" ]
