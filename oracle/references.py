"""The reference implementations: attacks of Foolbox, adv-lib and torchattacks, run on the networks in PyTorch and
measured here."""

import hashlib
import json
import sys
from dataclasses import dataclass, field
from importlib.metadata import version
from operator import attrgetter
from pathlib import Path
from time import monotonic
from types import ModuleType

import torch
from torch import Tensor, nn

from networks import Cut

sys.modules["visdom"] = ModuleType("visdom")  # adv-lib imports it to draw curves, which are not used here

import adv_lib.attacks
import foolbox
import torchattacks

CACHE = Path("target/oracle/references")
VERSIONS = {name: version(name) for name in ["foolbox", "adv-lib", "torchattacks", "torch", "numpy"]}


@dataclass(frozen=True)
class Reference:
    """An attack of a library, by its name and arguments there."""

    library: str
    attack: str
    arguments: dict = field(default_factory=dict)
    candidates: int | None = None
    """If set, each image is attacked alone, on the network cut to this many best classes."""

    def __str__(self) -> str:
        arguments = ", ".join(f"{name}={value}" for name, value in self.arguments.items())
        cut = f" on the {self.candidates} best classes" if self.candidates else ""
        return f"{self.library} {self.attack}({arguments}){cut}"

    def images(self, network: nn.Module, pixels: Tensor, classes: Tensor) -> Tensor:
        """The images that the library returns for a batch."""
        if self.library == "foolbox":
            attack = getattr(foolbox.attacks, self.attack)(**self.arguments)
            raw, _, _ = attack(foolbox.PyTorchModel(network, bounds=(0, 1)), pixels, classes, epsilons=None)
            return raw
        if self.library == "adv-lib":
            return attrgetter(self.attack)(adv_lib.attacks)(network, pixels, classes, **self.arguments)
        return getattr(torchattacks, self.attack)(network, **self.arguments)(pixels, classes)

    def adversarial(self, network: nn.Module, pixels: Tensor, classes: Tensor) -> Tensor:
        """The images that the library returns, attacked one by one if `candidates` is set."""
        torch.manual_seed(0)
        if self.candidates is None:
            return self.images(network, pixels, classes).detach()
        rows = []
        for image, label in zip(pixels.split(1), classes.split(1)):
            cut = Cut(network, image, label, self.candidates)
            rows.append(self.images(cut, image, torch.zeros_like(label)).detach())
        return torch.cat(rows)


class Counted(nn.Module):
    """A network that counts its forward and backward passes, by images."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network, self.forwards, self.backwards = network, 0, 0
        self.eval()

    def forward(self, pixels: Tensor) -> Tensor:
        self.forwards += len(pixels)
        logits = self.network(pixels)
        if logits.requires_grad:
            logits.register_hook(self.count)
        return logits

    def count(self, gradient: Tensor) -> None:
        self.backwards += len(gradient)


def norms(perturbations: Tensor) -> dict[str, list[float]]:
    """All norms of each perturbation."""
    flat = perturbations.flatten(1).double()
    orders = {"l0": 0, "l1": 1, "l2": 2, "linf": float("inf")}
    return {name: flat.norm(p=order, dim=1).tolist() for name, order in orders.items()}


def run(reference: Reference, network: nn.Module, weights: str, pixels: Tensor, classes: Tensor) -> dict:
    """The norms of the perturbations that a reference returns, `inf` where the network is not fooled. They are cached,
    since the same attack on the same network and images gives the same result."""
    key = {
        "weights": weights,
        "pixels": hashlib.sha256(pixels.numpy().tobytes() + classes.numpy().tobytes()).hexdigest(),
        "reference": str(reference),
        "versions": VERSIONS,
    }
    path = CACHE / (hashlib.sha256(json.dumps(key).encode()).hexdigest()[:32] + ".json")
    if path.exists():
        return json.loads(path.read_text())["result"]

    print(f"   {reference}: ", end="", flush=True)
    counted = Counted(network)
    start = monotonic()
    images = reference.adversarial(counted, pixels, classes).clamp(0, 1)  # rounding may leave [0, 1]
    print(f"{monotonic() - start:.0f} s", flush=True)
    with torch.no_grad():
        fooled = (network(images).argmax(1) != classes).tolist()
    result = {
        "norms": {
            name: [value if success else float("inf") for value, success in zip(values, fooled)]
            for name, values in norms(images - pixels).items()
        },
        "passes": {"forward": counted.forwards / len(pixels), "backward": counted.backwards / len(pixels)},
    }
    CACHE.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"key": key, "result": result}))
    return result
