"""Architectures of torchvision, exported by both of PyTorch's exporters, read by `decoy` and held to ONNX Runtime and to
PyTorch's own gradients: `cargo xtask onnx --pytorch`, from the root of the repository. The weights are random: what is
tested is the reading."""

from pathlib import Path

import torch
import torchvision
from torch import Tensor, nn

from exports import compare, main

NETWORKS = [
    "alexnet", "vgg11_bn", "resnet18", "densenet121", "googlenet", "inception_v3", "squeezenet1_1", "shufflenet_v2_x1_0",
    "mobilenet_v2", "mobilenet_v3_small", "mnasnet0_5", "efficientnet_b0", "regnet_y_400mf", "convnext_tiny", "vit_b_16",
    "swin_t",
]  # fmt: skip


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
        torch.onnx.export(model, (pixels,), path, dynamo=True, external_data=False, dynamic_shapes=free, opset_version=24, verbose=False)
    except Exception:
        torch.onnx.export(model, (pixels[:1],), path, dynamo=True, external_data=False, opset_version=24, verbose=False)


def gradient(model: nn.Module, pixels: Tensor, classes: Tensor) -> Tensor:
    """Of the margin, in the pixels."""
    pixels = pixels.clone().requires_grad_()
    logits = model(pixels)
    own = classes.unsqueeze(1)
    margin = logits.scatter(1, own, float("-inf")).amax(1) - logits.gather(1, own).squeeze(1)
    return torch.autograd.grad(margin.sum(), pixels)[0]


def check(name: str, exporter: str, path: Path) -> dict:
    model = network(name)
    export(model, path, 299 if name == "inception_v3" else 224, exporter)
    return compare(path, lambda pixels, classes: gradient(model, torch.from_numpy(pixels), torch.from_numpy(classes)).numpy())


if __name__ == "__main__":
    main(__doc__, check, NETWORKS, ["TorchScript", "torch.export"])
