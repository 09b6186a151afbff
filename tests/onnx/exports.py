"""What the scripts for PyTorch and Keras share: `decoy` reads an exported network, and what it computes is held to ONNX
Runtime's logits and the framework's own gradients."""

import argparse
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy
import onnxruntime
from safetensors.numpy import load_file

PICTURE = "tests/fixtures/photos/chelsea.png"

LOGITS = 1e-4
"""The largest difference of a logit, as a share of the largest logit."""
GRADIENTS = 5e-2
"""The length of the difference of two gradients, as a share of the gradient's own: a value within rounding of the kink of
a ReLU may count on one side and not on the other."""

Gradient = Callable[[numpy.ndarray, numpy.ndarray], numpy.ndarray]
"""The gradient of the margin in the pixels `[N, C, H, W]`, for the images' own classes `[N]`."""
Layout = Callable[[numpy.ndarray], numpy.ndarray]


def decoy(path: Path, tensors: Path) -> str | None:
    """Has `decoy` write logits and gradients; what it says if it refuses the network."""
    command = [os.environ.get("DECOY", "target/release/decoy"), "compare", "--network", path, "--attack", "fgsm:epsilon=0.01", PICTURE]
    done = subprocess.run([*command, "--tensors", tensors, "--json"], capture_output=True, text=True)
    return done.stderr.strip().splitlines()[-1] if done.returncode else None


def compare(path: Path, gradient: Gradient, to_input: Layout = lambda pixels: pixels, to_output: Layout = lambda logits: logits) -> dict:
    """How far `decoy` is from ONNX Runtime and from `gradient`. `to_input` makes the file's input of pixels
    `[N, C, H, W]`, `to_output` the file's output of logits `[N, K]`."""
    tensors = path.parent / "tensors.safetensors"
    if refused := decoy(path, tensors):
        return {"refused": refused.split(": the ONNX network cannot be used: ")[-1]}
    found = load_file(tensors)
    session = onnxruntime.InferenceSession(path)
    (output,) = session.run(None, {session.get_inputs()[0].name: to_input(found["pixels"])})
    theirs = gradient(found["pixels"], found["classes"].astype(numpy.int64))
    return {
        "logits": float(numpy.abs(to_output(found["logits"]) - output).max() / numpy.abs(output).max()),
        "gradients": float(numpy.linalg.norm(found["gradient"] - theirs) / numpy.linalg.norm(theirs)),
    }


def main(description: str, check: Callable[[str, str, Path], dict], networks: Iterable[str], exporters: list[str]) -> None:
    """Runs `check` for every network and exporter, prints a line each, and fails where one differs."""
    arguments = argparse.ArgumentParser(description=description)
    arguments.add_argument("folder", type=Path, help="for the ONNX files")
    parsed = arguments.parse_args()
    parsed.folder.mkdir(parents=True, exist_ok=True)
    warnings.filterwarnings("ignore")
    rows = []
    for name in networks:
        for exporter in exporters:
            row = {"network": name, "exporter": exporter, **check(name, exporter, parsed.folder / f"{name}-{exporter}.onnx")}
            rows.append(row)
            print(json.dumps(row), flush=True)
    wrong = [row for row in rows if "logits" in row and (row["logits"] > LOGITS or row["gradients"] > GRADIENTS)]
    read = sum("logits" in row for row in rows)
    print(f"{read} of {len(rows)} files read, {read - len(wrong)} of them as ONNX Runtime and the framework compute them")
    sys.exit(1 if wrong else 0)
