#!/bin/sh
# Everything that wants a GPU, in order of worth, in about ten minutes:
#
#     sh benchmarks/gpu.sh [FOLDER]
#
# FOLDER (gpu-figures) gets a log, a JSON file of each table, and a picture and a film to look at.
# A part that fails or takes too long does not stop the others. DEVICE=mps asks for Apple's GPU.
device=${DEVICE:-cuda}
mkdir -p "${1:-gpu-figures}" || exit
out=$(cd "${1:-gpu-figures}" && pwd)
cd "$(dirname "$0")/.." || exit
log=$out/log.txt
: >"$log"

try() {  # SECONDS COMMAND...
    seconds=$1
    shift
    echo "\$ $*" | tee -a "$log"
    began=$(date +%s)
    timeout "$seconds" "$@" >"$out/last.txt" 2>&1
    code=$?
    tee -a "$log" <"$out/last.txt"
    echo "exit $code after $(($(date +%s) - began)) s" | tee -a "$log"
}

step() {  # SECONDS NAME SETTING...
    seconds=$1
    name=$2
    shift 2
    try "$seconds" python benchmarks/step.py device="$device" out="$out/$name.json" "$@"
}

draw() {  # SETTING... PROMPT
    try 40 python -m vqclip device="$device" seed=1 --quiet out="$out" "$@"
}

try 40 python -m vqclip doctor device="$device"
try 90 python -m pytest -q -m gpu tests/whole/test_gpu.py
step 120 published models=published sizes=512 cuts=64 perceptors=2 precision=auto
step 50 starter models=starter sizes=256 cuts=16,32 precision=auto
step 40 starter-fp32 models=starter sizes=256 cuts=16 precision=fp32
draw "a red fox"
draw "a snowman under a palm tree"
draw "a red fox" steps=40 frames=24 camera.zoom=1.03
step 140 large models=published sizes=256,1024 cuts=32 perceptors=1,3 precision=auto repeat=5
rm -f "$out/last.txt"
echo "all of it is in $log"
