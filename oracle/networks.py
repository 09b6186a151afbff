"""The shipped networks in PyTorch, written independently from their architectures: Burn's results may differ from these
only by rounding."""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import conv2d, linear, pad, relu, relu6

MODELS = Path("www/models")

# As in src/model/compact.rs.
MEAN, DEVIATION = 0.30, 0.32

# As in src/model/residual.rs: the number of convolutions in each stage whose result is added to their input.
RESIDUAL_MEAN, RESIDUAL_DEVIATION = 0.47, 0.25
RESIDUAL_STAGES = [2, 2, 1]

# As in src/model/efficientnet.rs: the stride of the first block and the number of blocks.
STAGES = [(1, 1), (2, 2), (2, 2), (2, 3), (1, 3), (2, 4), (1, 1)]


class Network(nn.Module):
    """The weights by their names in the file, as constants."""

    def __init__(self, weights: dict[str, Tensor]):
        super().__init__()
        self.weights = weights
        # The libraries find the network's device through a parameter.
        self.somewhere = nn.Parameter(torch.zeros(()), requires_grad=False)
        self.eval()

    def conv(self, name: str, x: Tensor, **options) -> Tensor:
        return conv2d(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"], **options)

    def dense(self, name: str, x: Tensor) -> Tensor:
        # Burn keeps the weights of a dense layer as [inputs, outputs].
        return linear(x, self.weights[f"{name}.weight"].T, self.weights[f"{name}.bias"])


class Compact(Network):
    """Three strided convolutions and two dense layers."""

    def forward(self, pixels: Tensor) -> Tensor:
        x = (pixels - MEAN) / DEVIATION
        x = relu(self.conv("conv1", x, stride=2, padding=2))
        x = relu(self.conv("conv2", x, stride=2, padding=1))
        x = relu(self.conv("conv3", x, stride=2, padding=1))
        return self.dense("dense2", relu(self.dense("dense1", x.flatten(1))))


class EfficientNetLite0(Network):
    """Inverted bottlenecks with ReLU6; every BatchNorm is folded into the weights."""

    def same(self, name: str, x: Tensor, stride: int) -> Tensor:
        """A convolution whose output side is `side / stride`; odd padding has its larger half at the end."""
        outputs, inputs, _, kernel = self.weights[f"{name}.weight"].shape
        side = x.shape[-1]
        padding = max((-(-side // stride) - 1) * stride + kernel - side, 0)
        begin, end = padding // 2, padding - padding // 2
        groups = outputs if inputs == 1 else 1
        return self.conv(name, pad(x, (begin, end, begin, end)), stride=stride, groups=groups)

    def block(self, name: str, x: Tensor, stride: int) -> Tensor:
        expanded = relu6(self.conv(f"{name}.expand", x)) if f"{name}.expand.weight" in self.weights else x
        y = self.conv(f"{name}.project", relu6(self.same(f"{name}.depthwise", expanded, stride)))
        return x + y if x.shape == y.shape else y

    def forward(self, pixels: Tensor) -> Tensor:
        x = relu6(self.same("stem", pixels * (255 / 128) - 127 / 128, 2))
        strides = [stride if block == 0 else 1 for stride, blocks in STAGES for block in range(blocks)]
        for index, stride in enumerate(strides):
            x = self.block(f"blocks.{index}", x, stride)
        return self.dense("dense", relu6(self.conv("head", x)).mean((2, 3)))


class Residual(Network):
    """Stages of a strided convolution and residual ones; every BatchNorm is folded into the weights."""

    def forward(self, pixels: Tensor) -> Tensor:
        x = self.conv("stem", (pixels - RESIDUAL_MEAN) / RESIDUAL_DEVIATION, padding=1)
        for stage, convolutions in enumerate(RESIDUAL_STAGES):
            x = self.conv(f"stages.{stage}.down", relu(x), stride=2, padding=1)
            inner = x
            for index in range(convolutions):
                inner = self.conv(f"stages.{stage}.inner.{index}", relu(inner), padding=1)
            x = x + inner
        return self.dense("dense", relu(x).mean((2, 3)))


ARCHITECTURES = {"compact": Compact, "efficientnet-lite0": EfficientNetLite0, "residual": Residual}


class Cut(nn.Module):
    """A network cut to its `count` best classes for one image, so that an attack that takes the gradient of every class
    takes only these. An image that fools it also fools the whole network."""

    def __init__(self, network: nn.Module, image: Tensor, label: Tensor, count: int):
        super().__init__()
        self.network = network
        best = network(image)[0].argsort(descending=True)
        others = best[best != label][: count - 1]
        self.classes = torch.cat([label, others])  # the label comes first: it is class 0 of this network
        self.eval()

    def forward(self, pixels: Tensor) -> Tensor:
        return self.network(pixels)[:, self.classes]


def unpacked(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights in 32 bits: 8-bit values times the scale of their output channel, as in src/model/weights.rs."""
    weights = {}
    for name, tensor in tensors.items():
        if tensor.dtype == torch.int8:
            scale = tensors[f"{name}.scale"]
            # The output channels are the last axis of matrices, and the first axis of kernels.
            weights[name] = tensor.float() * (scale if tensor.dim() == 2 else scale.view(-1, 1, 1, 1))
        elif tensors.get(name.removesuffix(".scale"), tensor).dtype != torch.int8:
            weights[name] = tensor
    return weights


def load(model: str, dtype: torch.dtype = torch.float32) -> tuple[Network, str]:
    """A shipped network, and the checksum of its weights from the catalogue."""
    catalog = json.loads((MODELS / "models.json").read_text())
    for family in catalog["families"]:
        for entry in family["models"]:
            if entry["id"] == model:
                weights = unpacked(load_file(MODELS / entry["file"]))
                weights = {name: tensor.to(dtype) for name, tensor in weights.items()}
                return ARCHITECTURES[family["architecture"]](weights), entry["sha256"]
    raise SystemExit(f"{MODELS / 'models.json'} has no network {model}")
