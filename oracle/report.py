"""Writes the measurements for people, docs/oracle.md, and for programs, docs/oracle.json."""

import json
import subprocess
from math import inf, isinf
from pathlib import Path
from statistics import median

from references import VERSIONS

PAGE = Path("docs/oracle.md")
DATA = Path("docs/oracle.json")
DIFFERENCES = Path("oracle/differences.md")

LIBRARIES = ["foolbox", "adv-lib", "torchattacks"]
NORMS = {"l0": "L0", "l1": "L1", "l2": "L2", "linf": "L∞"}

GOAL = 1.01
"""Goal: Decoy's median is at most this many times the best reference's."""
TIE = 1.0001
"""Tolerance for rounding: an ensemble's perturbation up to this many times the best reference's counts as no larger."""
SPACING = 2.0**-24
"""So does one in L∞ that is larger by no more than the distance of neighbouring single-precision numbers just below 1."""
WITHIN = 1 + 1e-3
"""Tolerance for rounding: a perturbation up to this many times ε counts as within ε."""


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def number(value: float) -> str:
    return "∞" if isinf(value) else f"{value:.4g}"


def passes(found: dict) -> str:
    return f"{found['passes']['forward']:.0f} + {found['passes']['backward']:.0f}"


def smallest(found: dict) -> str:
    """The median size, and the number of images that are not fooled."""
    missed = sum(map(isinf, found["sizes"]))
    return number(median(found["sizes"])) + (f" ({missed} not fooled)" if missed else "")


def within(found: dict, epsilon: float) -> int:
    return sum(size <= epsilon * WITHIN for size in found["sizes"])


def ratio(row: dict) -> float:
    """Decoy's median divided by the best reference's."""
    best = min(median(reference["sizes"]) for reference in row["references"])
    ours = median(row["decoy"]["sizes"])
    return 1.0 if ours == best else ours / best


def cells(row: dict, cell) -> list[str]:
    """A cell for each library."""
    found = {reference["library"]: cell(reference) for reference in row["references"]}
    return [found.get(library, "") for library in LIBRARIES]


def precision(suites: list[dict]) -> str:
    rows = []
    # Several suites may attack the same network: the one with most images counts.
    for suite in {suite["model"]: suite for suite in sorted(suites, key=lambda suite: len(suite["images"]))}.values():
        largest = suite["precision"]["largest_logit"]
        for name, program in [("decoy", "Decoy"), ("pytorch", "PyTorch")]:
            found = suite["precision"][name]
            answers = "yes" if found["same_answers"] else "**no**"
            gradient = [f"{found['gradient_median']:.1e}", f"{found['gradient_max']:.1e}"]
            logits = f"{found['logits']:.1e} of {largest:.1f}"
            row = [f"`{suite['model']}`", str(len(suite["images"])), program, answers, logits, *gradient]
            rows.append(row)
    head = ["network", "images", "in 32 bits", "same answers", "logits, at most", "gradients, median", "at most"]
    return table(head, rows)


def medians(suite: dict) -> str:
    rows = [
        [
            row["title"],
            NORMS[row["norm"]],
            row["budget"],
            smallest(row["decoy"]),
            *cells(row, smallest),
            f"{ratio(row):.3f}" if ratio(row) <= GOAL else f"**{ratio(row):.3f}**",
        ]
        for row in suite["comparisons"]
        if row["epsilon"] is None
    ]
    return table(["attack", "norm", "budget", "Decoy", *LIBRARIES, "Decoy / best"], rows)


def optimality(suite: dict) -> str:
    """The optimality of every attack and of the ensembles, as a table."""
    rows = []
    for norm, name in NORMS.items():
        attacks = [row for row in suite["comparisons"] if row["norm"] == norm and row["epsilon"] is None]
        ensembles = [row["decoy"] for row in suite["ensembles"] if row["norm"] == norm]
        found = ensembles + [side for row in attacks for side in [row["decoy"], *row["references"]]]
        if not found:
            continue
        best = [min(image) for image in zip(*(side["sizes"] for side in found), strict=True)]
        enough = max(best)  # the ε at which the best attacks have fooled every image

        def share(side: dict) -> str:
            below = sum(enough - min(size, enough) for size in side["sizes"])
            return f"{below / sum(enough - size for size in best):.3f}"

        rows += [[row["title"], name, row["budget"], share(row["decoy"]), *cells(row, share)] for row in attacks]
        rows += [["**Ensemble**", name, "", share(side), *([""] * len(LIBRARIES))] for side in ensembles]
    return table(["attack", "norm", "budget", "Decoy", *LIBRARIES], rows)


def by_budget(suite: dict) -> str:
    """One row for each attack: the medians of Decoy and of the best library, by number of steps."""
    budgets = list(dict.fromkeys(row["budget"] for row in suite["comparisons"]))
    rows: dict[tuple[str, str], dict[str, dict]] = {}
    for row in suite["comparisons"]:
        rows.setdefault((row["title"], row["norm"]), {})[row["budget"]] = row
    body = []
    for (title, norm), found in rows.items():
        ours = [number(median(found[budget]["decoy"]["sizes"])) for budget in budgets]
        best = [min((median(side["sizes"]) for side in found[budget]["references"]), default=None) for budget in budgets]
        theirs = ["" if size is None else number(size) for size in best]
        body.append([title, NORMS[norm], *ours, *theirs])
    head = [f"Decoy, {budgets[0]}", *budgets[1:], f"best library, {budgets[0]}", *budgets[1:]]
    return table(["attack", "norm", *head], body)


def fooled(suite: dict) -> str:
    rows = []
    for row in suite["comparisons"]:
        if (epsilon := row["epsilon"]) is not None:
            best = max(within(reference, epsilon) for reference in row["references"])
            ours = within(row["decoy"], epsilon)
            shown = f"{ours}" if ours >= best else f"**{ours}**"
            theirs = cells(row, lambda reference: str(within(reference, epsilon)))[1:]
            rows.append([row["title"], NORMS[row["norm"]], f"{epsilon:g}", row["budget"], shown, *theirs])
    return table(["attack", "norm", "ε", "budget", "Decoy", *LIBRARIES[1:]], rows)


def ensembles(suites: list[dict]) -> str:
    rows = []
    for suite in suites:
        for row in suite["ensembles"]:
            pairs = list(zip(row["decoy"]["sizes"], row["best"], strict=True))
            rounding = SPACING if row["norm"] == "linf" else 0
            share = sum(ours <= max(best * TIE, best + rounding) for ours, best in pairs) / len(pairs)
            worst = max(1.0 if ours == best else ours / best if best else inf for ours, best in pairs)
            rows.append(
                [
                    f"`{suite['model']}`",
                    NORMS[row["norm"]],
                    str(len(pairs)),
                    passes(row["decoy"]),
                    smallest(row["decoy"]),
                    number(median(row["best"])),
                    f"{share:.0%}" if share >= 0.95 else f"**{share:.0%}**",
                    number(worst),
                ]
            )
    head = ["network", "norm", "images", "passes", "ensemble", "best of all", "no larger", "largest ratio"]
    return table(head, rows)


def calls(suites: list[dict]) -> str:
    """The call of every attack, on either side, and its passes for one image."""
    rows = {}
    for suite in suites:
        for row in suite["comparisons"]:
            for found in [row["decoy"], *row["references"]]:
                rows.setdefault((f"`{found['attack']}`", suite["model"]), passes(found))
    models = list(dict.fromkeys(suite["model"] for suite in suites))
    attacks = sorted({attack for attack, _ in rows}, key=str.casefold)
    body = [[attack, *(rows.get((attack, model), "") for model in models)] for attack in attacks]
    return table(["call", *models], body)


def tables(suites: list[dict]) -> str:
    """The text with all comparisons, and how many reach their goal."""

    def heading(suite: dict) -> str:
        return f"### `{suite['model']}`, {len(suite['images'])} images"

    parts = []
    curves = [suite for suite in suites if suite["budgets"]]
    suites = [suite for suite in suites if not suite["budgets"]]
    minimal = [row for suite in suites for row in suite["comparisons"] if row["epsilon"] is None]
    if minimal:
        reached = sum(ratio(row) <= GOAL for row in minimal)
        goal = f"In {reached} of {len(minimal)} rows Decoy's median is at most 1 % above the best."
        parts += ["## Smallest perturbations", f"{MEDIANS} {goal}"]
    for suite in suites:
        if any(row["epsilon"] is None for row in suite["comparisons"]):
            parts += [heading(suite), medians(suite)]
    if any(suite["ensembles"] for suite in suites):
        parts += ["## The ensemble and the best of all", ENSEMBLE, ensembles(suites)]
    if minimal:
        parts += ["## How near the strongest", OPTIMALITY]
    for suite in suites:
        if any(row["epsilon"] is None for row in suite["comparisons"]):
            parts += [heading(suite), optimality(suite)]
    if curves:
        parts += ["## What more gradients bring", BUDGETS]
    for suite in curves:
        parts += [heading(suite), by_budget(suite)]
    bounded = [suite for suite in suites if any(row["epsilon"] is not None for row in suite["comparisons"])]
    if bounded:
        parts += ["## Fooled within ε", WITHIN_EPSILON]
    for suite in bounded:
        parts += [heading(suite), fooled(suite)]
    return "\n\n".join(parts)


MEDIANS = """The median over the images of the norm of the smallest perturbation found. An image that an attack does not \
fool counts as infinite, and how many those are stands in brackets. The last column is Decoy's median over the best of the \
libraries', in bold where it is more than 1 % above."""

OPTIMALITY = """The measure of AttackBench (arXiv 2404.19460), on these networks and images. The share of images that an \
attack fools within ε, summed over all ε up to the one where every image is fooled, over the same sum for the best of all: \
the smallest perturbation that any attack of either side has found for each image. 1 is the best of all."""

BUDGETS = """The median over the images of the norm of the smallest perturbation found, after so many steps, each with one \
gradient: both DeepFools see the true class and one other, and Carlini-Wagner has one search, with c = 1. Square takes no \
gradients, and is not here."""

WITHIN_EPSILON = """How many images are fooled within a ball of radius ε; Decoy's number is in bold where a library fools \
more."""

ENSEMBLE = f"""Decoy's ensemble beside the smallest perturbation that any attack of any library above has found for each \
image: on how many images the ensemble's is no larger, in bold below 95 %, and the largest ratio. For rounding, up to {TIE} \
times as large counts, and in L∞ up to 2⁻²⁴ more, which is how far apart pixels just below 1 are in single precision. Passes are forward and backward, for one image."""


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], stdout=subprocess.PIPE, check=True, text=True).stdout.strip()


COMMIT = git("describe", "--always", "--dirty", "--abbrev=12")


def read() -> list[dict]:
    """The suites in the file for programs, with infinity for null."""
    suites = json.loads(DATA.read_text())["suites"]
    for suite in suites:
        for row in [*suite["comparisons"], *suite["ensembles"]]:
            for found in [row["decoy"], *row.get("references", [])]:
                found["sizes"] = [inf if size is None else size for size in found["sizes"]]
            if "best" in row:
                row["best"] = [inf if size is None else size for size in row["best"]]
    return suites


def write(suites: list[dict]) -> None:
    """Writes both files."""
    rows = [row for suite in suites for row in [*suite["comparisons"], *suite["ensembles"]]]
    commits = list(dict.fromkeys(row["commit"] for row in rows))
    record = {"command": "cargo xtask oracle", "commits": commits, "versions": VERSIONS}
    versions = ", ".join(f"{name} {version}" for name, version in VERSIONS.items())
    PAGE.write_text(
        "\n\n".join(
            [
                "# Decoy beside the literature's own code",
                f"""Made by `cargo xtask oracle` at {", ".join(commits)} with {versions}. The libraries attack the shipped weights, \
loaded into PyTorch on the CPU, on the same images and with the same number of gradients as Decoy. What they return is \
clipped to [0, 1] and measured anew: a perturbation counts where the network misreads that image. Norms are in pixels from \
0 to 1. The figures of every image are in [`oracle.json`](oracle.json), \
with the commit of every row.""",
                "## The same networks",
                """Logits, and the gradients of the margin in the pixels, as Decoy and PyTorch compute them in 32 bits, beside \
PyTorch in 64 bits. The difference of a gradient is the L2 norm of the difference over the gradient's own; where a value is \
within rounding of the kink of a ReLU, rounding decides whether it counts, so that single gradients differ by more than the \
last digits.""",
                precision(suites),
                tables(suites),
                DIFFERENCES.read_text().strip(),
                "## Calls",
                "What is called on either side, and the forward and backward passes for one image, as counted.",
                calls(suites),
            ]
        )
        + "\n"
    )
    DATA.write_text(json.dumps(rounded(record | {"suites": suites}), ensure_ascii=False) + "\n")


def rounded(value):
    """The value with six digits of every number, and null for infinity, which JSON does not have."""
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    if isinstance(value, list):
        return [rounded(part) for part in value]
    if isinstance(value, float):
        return None if isinf(value) else float(f"{value:.6g}")
    return value
