"""Architectures of torchvision, exported by both of PyTorch's exporters, read by `decoy` and held to ONNX Runtime and to
PyTorch's own gradients: `cargo xtask onnx --pytorch`, from the root of the repository. The weights are random: what is
tested is the reading."""

import argparse
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy
import onnxruntime
import torch
import torchvision
from safetensors.numpy import load_file
from torch import Tensor, nn

PICTURE = "tests/fixtures/photos/chelsea.png"

NETWORKS = [
    "alexnet", "vgg11_bn", "resnet18", "densenet121", "googlenet", "inception_v3", "squeezenet1_1", "shufflenet_v2_x1_0",
    "mobilenet_v2", "mobilenet_v3_small", "mnasnet0_5", "efficientnet_b0", "regnet_y_400mf", "convnext_tiny", "vit_b_16",
    "swin_t",
]  # fmt: skip

LOGITS = 1e-4
"""The largest difference of a logit, as a share of the largest logit."""
GRADIENTS = 5e-2
"""The length of the difference of two gradients, as a share of the gradient's own: a value within rounding of the kink of
a ReLU may count on one side and not on the other."""


def network(name: str) -> nn.Module:
    """With random weights of which no layer is the identity or zero, and outputs of ordinary size."""
    torch.manual_seed(0)
    options = {"init_weights": True, "aux_logits": True} if name in ("googlenet", "inception_v3") else {}
    model = getattr(torchvision.models, name)(weights=None, **options).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.weight.data.uniform_(0.8, 1.2)
            module.bias.data.normal_(0, 0.1)
        elif isinstance(module, (nn.Linear, nn.Conv2d)):
            nn.init.kaiming_normal_(module.weight)
    side = 299 if name == "inception_v3" else 224
    statistics = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    for module in statistics:
        module.train().momentum = 1.0
    with torch.no_grad():
        model(torch.rand(4, 3, side, side))  # every BatchNorm takes the statistics of what it sees
    model.eval()
    return model


def export(model: nn.Module, path: Path, side: int, exporter: str) -> None:
    """Writes an ONNX file, with a free number of images where the exporter manages."""
    pixels = torch.rand(2, 3, side, side)
    if exporter == "TorchScript":
        axes = {"pixels": {0: "images"}, "logits": {0: "images"}}
        names = {"input_names": ["pixels"], "output_names": ["logits"], "dynamic_axes": axes}
        torch.onnx.export(model, (pixels,), path, dynamo=False, opset_version=17, **names)
        return
    try:
        free = ({0: torch.export.Dim("images")},)
        torch.onnx.export(model, (pixels,), path, dynamo=True, external_data=False, dynamic_shapes=free, verbose=False)
    except Exception:
        torch.onnx.export(model, (pixels[:1],), path, dynamo=True, external_data=False, verbose=False)


def decoy(path: Path, tensors: Path) -> str | None:
    """Has `decoy` write logits and gradients; what it says if it refuses the network."""
    command = [os.environ.get("DECOY", "target/release/decoy"), "compare", "--network", path, "--attack", "fgsm:epsilon=0.01", PICTURE]
    done = subprocess.run([*command, "--tensors", tensors, "--json"], capture_output=True, text=True)
    return done.stderr.strip().splitlines()[-1] if done.returncode else None


def gradient(model: nn.Module, pixels: Tensor, classes: Tensor) -> Tensor:
    """Of the margin, in the pixels."""
    pixels = pixels.clone().requires_grad_()
    logits = model(pixels)
    own = classes.unsqueeze(1)
    margin = logits.scatter(1, own, float("-inf")).amax(1) - logits.gather(1, own).squeeze(1)
    return torch.autograd.grad(margin.sum(), pixels)[0]


def check(name: str, exporter: str, folder: Path) -> dict:
    model = network(name)
    path, tensors = folder / f"{name}-{exporter}.onnx", folder / "tensors.safetensors"
    export(model, path, 299 if name == "inception_v3" else 224, exporter)
    row = {"network": name, "exporter": exporter}
    if refused := decoy(path, tensors):
        return {**row, "refused": refused.split(": the ONNX network cannot be used: ")[-1]}
    found = load_file(tensors)
    session = onnxruntime.InferenceSession(path)
    (logits,) = session.run(None, {session.get_inputs()[0].name: found["pixels"]})
    theirs = gradient(model, torch.from_numpy(found["pixels"]), torch.from_numpy(found["classes"]).long()).numpy()
    return {
        **row,
        "logits": float(numpy.abs(found["logits"] - logits).max() / numpy.abs(logits).max()),
        "gradients": float(numpy.linalg.norm(found["gradient"] - theirs) / numpy.linalg.norm(theirs)),
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=Path, help="for the ONNX files")
    folder = arguments.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    warnings.filterwarnings("ignore")
    rows = []
    for name in NETWORKS:
        for exporter in ["TorchScript", "torch.export"]:
            row = check(name, exporter, folder)
            rows.append(row)
            print(json.dumps(row), flush=True)
    wrong = [row for row in rows if "logits" in row and (row["logits"] > LOGITS or row["gradients"] > GRADIENTS)]
    read = sum("logits" in row for row in rows)
    print(f"{read} of {len(rows)} files read, {read - len(wrong)} of them as ONNX Runtime and PyTorch compute them")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
