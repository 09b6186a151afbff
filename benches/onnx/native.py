"""Adds to benches/results/native.json, for each of Decoy's rows, what ONNX Runtime takes for the same, of a step in its
quickest spelling: `python native.py FOLDER`, where FOLDER has the graphs. Prints both."""

import json
import statistics
import sys
import time
from pathlib import Path

import numpy
import onnxruntime
from step import SPELLINGS

RESULTS = Path("benches/results/native.json")

WARM = 1.0
"""Seconds for which a pass is repeated before it is timed."""
ENOUGH = 3.0
"""Seconds after which a measurement ends, with at least `LEAST` times."""
LEAST = 10


def session(path, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def pattern(shape):
    """The same pictures as in benches/native.rs."""
    values = 0.5 + 0.5 * numpy.sin(numpy.arange(numpy.prod(shape)) * 0.37)
    return values.astype(numpy.float32).reshape(shape)


def median(work):
    """Milliseconds, like all times here."""
    began = time.perf_counter()
    while time.perf_counter() - began < WARM:
        work()
    times = []
    began = time.perf_counter()
    while len(times) < LEAST or time.perf_counter() - began < ENOUGH:
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1e3)
    return round(statistics.median(times), 6)


def measured(graphs, network, batch, threads):
    family = network.split("-")[0]
    kinds = ["", *(f".{spelling}" for spelling in SPELLINGS)]
    forward, *steps = (session(graphs / f"{family}{kind}.onnx", threads) for kind in kinds)
    pixels = pattern([batch, *forward.get_inputs()[0].shape[1:]])
    classes = forward.get_outputs()[0].shape[1]
    labels = numpy.eye(classes, dtype=numpy.float32)[[0] * batch]
    feeds = {"pixels": pixels, "labels": labels, "size": numpy.full(1, 1 / 255, numpy.float32)}
    return {
        "forward": median(lambda: forward.run(["logits"], {"pixels": pixels})),
        "step": min(median(lambda: step.run(["next"], feeds)) for step in steps),
    }


def main(graphs):
    results = json.loads(RESULTS.read_text())
    rows = []
    for ours in results["rows"]:
        if ours["library"] != "Decoy":
            continue
        case = {key: ours[key] for key in ["network", "batch", "threads"]}
        library = f"ONNX Runtime {onnxruntime.__version__}"
        theirs = {**case, "library": library, **measured(graphs, **case)}
        rows += [ours, theirs]
        for what in ["forward", "step"]:
            ratio = theirs[what] / ours[what]
            times = f"Decoy {ours[what]:.3g} ms, {library} {theirs[what]:.3g} ms → {ratio:.2f} times as fast"
            print(f"{case['network']}, batch {case['batch']}, threads: {case['threads']}, {what}: {times}")
    results.update(command="cargo xtask bench native", rows=rows)
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")


main(Path(sys.argv[1]))
