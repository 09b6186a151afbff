"""Compares Decoy's attacks with the literature's own code: `cargo xtask oracle`, from the root of the repository."""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

import networks
import references
import report
from comparisons import SUITES, Suite

FOLDER = Path("target/oracle")
TENSORS = FOLDER / "tensors.safetensors"


def decoy(suite: Suite, attacks: list[str]) -> dict:
    """The JSON of `decoy compare` for a suite; pixels, classes, logits and gradients go into the file `TENSORS`."""
    command = [os.environ.get("CARGO", "cargo"), "run", "--release", "--quiet", "--package", "decoy-cli", "--"]
    command += ["compare", "--model", suite.model, *suite.images, "--json", "--tensors", str(TENSORS)]
    for attack in attacks:
        command += ["--attack", attack]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def logits_and_gradient(network: nn.Module, pixels: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
    """The logits, and the gradient of the margin with respect to the pixels."""
    pixels = pixels.clone().requires_grad_()
    logits = network(pixels)
    own = classes.unsqueeze(1)
    margin = logits.scatter(1, own, float("-inf")).amax(1) - logits.gather(1, own).squeeze(1)
    return logits.detach(), torch.autograd.grad(margin.sum(), pixels)[0]


def precision(model: str, tensors: dict[str, Tensor]) -> dict:
    """The errors of Decoy and of PyTorch, both in 32 bits, compared with PyTorch in 64 bits."""
    pixels, classes = tensors["pixels"], tensors["classes"].long()
    exact_logits, exact_gradient = logits_and_gradient(networks.load(model, torch.float64)[0], pixels.double(), classes)

    def errors(logits: Tensor, gradient: Tensor) -> dict:
        difference = (gradient - exact_gradient).flatten(1).norm(dim=1) / exact_gradient.flatten(1).norm(dim=1)
        return {
            "same_answers": bool((logits.argmax(1) == exact_logits.argmax(1)).all()),
            "logits": (logits - exact_logits).abs().max().item(),
            "gradient_median": difference.median().item(),
            "gradient_max": difference.max().item(),
        }

    return {
        "largest_logit": exact_logits.abs().max().item(),
        "decoy": errors(tensors["logits"], tensors["gradient"]),
        "pytorch": errors(*logits_and_gradient(networks.load(model)[0], pixels, classes)),
    }


def sizes(values: list[float | None]) -> list[float]:
    """The norms, with infinity for an image that is not fooled, which Decoy writes as null."""
    return [float("inf") if value is None else value for value in values]


def measure(suite: Suite, wanted: Callable[[str], bool]) -> dict | None:
    """Runs the wanted comparisons of a suite on both sides; compares each ensemble with the best of all references."""
    ensembles = {norm: attack for norm, attack in suite.ensembles.items() if wanted(attack)}
    comparisons = [comparison for comparison in suite.comparisons if ensembles or wanted(comparison.decoy)]
    attacks = [comparison.decoy for comparison in comparisons if wanted(comparison.decoy)] + list(ensembles.values())
    attacks = list(dict.fromkeys(attacks))
    if not attacks:
        return None
    print(f"── {suite.model}, {' '.join(suite.images)}", flush=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    answer = decoy(suite, attacks)
    ours = trials(attacks, answer)
    network, weights = networks.load(suite.model)
    tensors = load_file(TENSORS)
    pixels, classes = tensors["pixels"], tensors["classes"].long()

    def theirs(reference: references.Reference, norm: str) -> dict:
        found = references.run(reference, network, weights, pixels, classes)
        return {
            "library": reference.library,
            "attack": str(reference),
            "sizes": found["norms"][norm],
            "passes": found["passes"],
        }

    rows = [
        {
            "title": comparison.title,
            "norm": comparison.norm,
            "budget": comparison.budget,
            "epsilon": comparison.epsilon,
            "decoy": ours.get(comparison.decoy),
            "references": [theirs(reference, comparison.norm) for reference in comparison.references],
        }
        for comparison in comparisons
    ]

    def best(norm: str) -> list[float]:
        """For each image the smallest perturbation found by any reference."""
        found = [reference["sizes"] for row in rows if row["norm"] == norm for reference in row["references"]]
        return [min(image) for image in zip(*found, strict=True)]

    return {
        "model": suite.model,
        "images": answer["images"],
        "budgets": suite.budgets,
        "precision": precision(suite.model, tensors),
        "comparisons": [row for row in rows if row["decoy"]],
        "ensembles": [{"norm": norm, "decoy": ours[attack], "best": best(norm)} for norm, attack in ensembles.items()],
    }


def trials(attacks: list[str], answer: dict) -> dict[str, dict]:
    """What Decoy has found, by attack."""
    return {
        attack: {"attack": attack, "sizes": sizes(trial["sizes"]), "passes": trial["passes"]}
        for attack, trial in zip(attacks, answer["attacks"], strict=True)
    }


def with_ensembles(suite: Suite, before: dict) -> dict:
    """The measurements of a suite with those of Decoy's ensembles taken again."""
    attacks = list(suite.ensembles.values())
    if not attacks:
        return before
    answer = decoy(suite, attacks)
    if answer["images"] != before["images"]:
        sys.exit(f"{suite.model}: {report.DATA} has other images; run the whole comparison")
    ours = trials(attacks, answer)
    rows = [{**row, "decoy": ours.get(row["decoy"]["attack"], row["decoy"])} for row in before["comparisons"]]
    best = [{**row, "decoy": ours[row["decoy"]["attack"]]} for row in before["ensembles"]]
    return {**before, "comparisons": rows, "ensembles": best}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--only", metavar="ATTACK", help="compare this attack alone, such as ddn, and print it")
    arguments.add_argument("--ensembles", action="store_true", help="measure Decoy's ensembles again, and keep the rest")
    given = arguments.parse_args()
    if given.ensembles:
        before = report.read()
        report.write([with_ensembles(*pair) for pair in zip(SUITES, before["suites"], strict=True)], before)
        return
    only = given.only
    measured = []
    for suite in SUITES:
        if found := measure(suite, lambda attack: only in (None, attack.split(":")[0])):
            measured.append(found)
        if only is None:
            report.write(measured)  # after each suite, since all of them take an hour
    if not measured:
        sys.exit(f"--only {only}: nothing is compared with it")
    if only is not None:
        print(report.tables(measured))


if __name__ == "__main__":
    main()
