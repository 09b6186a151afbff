"""Compares Decoy's attacks with the literature's own code: `cargo xtask oracle`, from the root of the repository."""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

import networks
import references
import report
from comparisons import SUITES, Comparison, Suite

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


def measure(suite: Suite, comparisons: list[Comparison], ensembles: dict[str, str]) -> dict:
    """Runs these comparisons of a suite on both sides, and these ensembles of Decoy."""
    print(f"── {suite.model}, {' '.join(suite.images)}", flush=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    attacks = list(dict.fromkeys([*(comparison.decoy for comparison in comparisons), *ensembles.values()]))
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

    return {
        "model": suite.model,
        "images": answer["images"],
        "budgets": suite.budgets,
        "precision": precision(suite.model, tensors),
        "comparisons": [
            {
                "title": comparison.title,
                "norm": comparison.norm,
                "budget": comparison.budget,
                "epsilon": comparison.epsilon,
                "commit": report.COMMIT,
                "decoy": ours[comparison.decoy],
                "references": [theirs(reference, comparison.norm) for reference in comparison.references],
            }
            for comparison in comparisons
        ],
        "ensembles": [
            {"norm": norm, "commit": report.COMMIT, "decoy": ours[attack]} for norm, attack in ensembles.items()
        ],
    }


def key(row: Comparison | dict) -> tuple:
    """What tells the comparisons of a suite apart."""
    values = row if isinstance(row, dict) else vars(row)
    return tuple(values[name] for name in ["title", "norm", "budget", "epsilon"])


def missing(suite: Suite, before: dict) -> tuple[list[Comparison], dict[str, str]]:
    """The comparisons and ensembles of a suite that are not measured yet."""
    known = set(map(key, before["comparisons"]))
    norms = {row["norm"] for row in before["ensembles"]}
    comparisons = [comparison for comparison in suite.comparisons if key(comparison) not in known]
    return comparisons, {norm: attack for norm, attack in suite.ensembles.items() if norm not in norms}


def merged(suite: Suite, before: dict, found: dict) -> dict:
    """Both measurements of a suite; what is in both is taken from `found`, and EAD's row has Decoy's newest ensemble."""
    if found["images"] != before["images"]:
        sys.exit(f"{suite.model}: {report.DATA} has other images; run the whole comparison")
    rows = {key(row): row for row in [*before["comparisons"], *found["comparisons"]]}
    ensembles = {row["norm"]: row for row in [*before["ensembles"], *found["ensembles"]]}
    newest = {row["decoy"]["attack"]: row["decoy"] for row in ensembles.values()}
    rows = [rows[key(comparison)] for comparison in suite.comparisons if key(comparison) in rows]
    rows = [{**row, "decoy": newest.get(row["decoy"]["attack"], row["decoy"])} for row in rows]
    return {**found, "comparisons": rows, "ensembles": [ensembles[norm] for norm in suite.ensembles if norm in ensembles]}


def with_best(measured: dict) -> dict:
    """The measurements, with the smallest perturbation that any reference has found beside each ensemble's."""

    def best(norm: str) -> list[float]:
        found = [side["sizes"] for row in measured["comparisons"] if row["norm"] == norm for side in row["references"]]
        return [min(image) for image in zip(*found, strict=True)]

    return {**measured, "ensembles": [{**row, "best": best(row["norm"])} for row in measured["ensembles"]]}


def trials(attacks: list[str], answer: dict) -> dict[str, dict]:
    """What Decoy has found, by attack."""
    return {
        attack: {"attack": attack, "sizes": sizes(trial["sizes"]), "passes": trial["passes"]}
        for attack, trial in zip(attacks, answer["attacks"], strict=True)
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    which = arguments.add_mutually_exclusive_group()
    which.add_argument("--only", metavar="ATTACK", help="compare this attack alone, such as ddn, and print it")
    which.add_argument("--ensembles", action="store_true", help="measure Decoy's ensembles again, and keep the rest")
    which.add_argument("--missing", action="store_true", help="measure what has not been measured, and keep the rest")
    given = arguments.parse_args()
    if given.only:
        print_only(given.only)
        return
    suites = report.read() if given.ensembles or given.missing else []
    suites += [None] * (len(SUITES) - len(suites))
    for place, (suite, before) in enumerate(zip(SUITES, suites, strict=True)):
        wanted = ([] if given.ensembles else suite.comparisons), suite.ensembles
        if given.missing and before:
            wanted = missing(suite, before)
        if any(wanted):
            found = measure(suite, *wanted)
            suites[place] = with_best(merged(suite, before, found) if before else found)
            report.write([measured for measured in suites if measured])  # after each suite, since all take an hour


def print_only(attack: str) -> None:
    """Compares one attack of Decoy, and prints the result."""
    measured = []
    for suite in SUITES:
        comparisons = [comparison for comparison in suite.comparisons if comparison.decoy.split(":")[0] == attack]
        if comparisons:
            measured.append(measure(suite, comparisons, {}))
    if not measured:
        sys.exit(f"--only {attack}: nothing is compared with it")
    print(report.tables(measured))


if __name__ == "__main__":
    main()
