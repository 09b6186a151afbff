"""What is compared with what, on which network and which images, each side with the same number of gradients."""

from dataclasses import dataclass
from math import inf

from references import Reference

NORMS = {"l0": 0, "l1": 1, "l2": 2, "linf": inf}

# DeepFool takes a gradient for each class: all sides the 9 best wrong ones, as Foolbox does unless told otherwise.
CANDIDATES = 10


@dataclass(frozen=True)
class Comparison:
    """An attack of Decoy, and the same attack of the libraries."""

    title: str
    norm: str
    budget: str
    decoy: str
    references: list[Reference]
    epsilon: float | None = None
    """If set, how many images are fooled within it is compared; else the smallest perturbations are."""


@dataclass(frozen=True)
class Suite:
    """Comparisons on the same images with the same network."""

    model: str
    images: list[str]
    """The images, as arguments of `decoy compare`."""
    comparisons: list[Comparison]
    ensembles: dict[str, str]
    """For a norm, the attack of Decoy that is compared with the best of all references."""


def ddn(steps: int) -> Comparison:
    references = [
        Reference("foolbox", "DDNAttack", {"steps": steps}),
        Reference("adv-lib", "ddn", {"steps": steps, "levels": None}),
    ]
    return Comparison("DDN", "l2", f"{steps} steps", f"ddn:steps={steps}", references)


def fmn(norm: str, steps: int, step_size: float | None = None) -> Comparison:
    """Foolbox's form for L2 does not project, so that it is no reference."""
    ours = {} if step_size is None else {"max_stepsize": step_size}
    theirs = {} if step_size is None else {"α_init": step_size}
    references = [Reference("adv-lib", "fmn", {"norm": NORMS[norm], "steps": steps, **theirs})]
    if norm != "l2":
        name = {"l0": "L0FMNAttack", "l1": "L1FMNAttack", "linf": "LInfFMNAttack"}[norm]
        references.insert(0, Reference("foolbox", name, {"steps": steps, **ours}))
    title = "FMN" if step_size is None else f"FMN, theirs with α = {step_size:g}"
    return Comparison(title, norm, f"{steps} steps", f"fmn:norm={norm},steps={steps}", references)


def deepfool(norm: str) -> Comparison:
    name = {"l2": "L2DeepFoolAttack", "linf": "LinfDeepFoolAttack"}[norm]
    references = [
        Reference("foolbox", name, {"steps": 50, "candidates": CANDIDATES}),
        Reference("adv-lib", "df", {"steps": 50, "norm": NORMS[norm]}, CANDIDATES),
    ]
    if norm == "l2":
        references.append(Reference("torchattacks", "DeepFool", {"steps": 50}, CANDIDATES))
    decoy = f"deepfool:norm={norm},steps=50,candidates={CANDIDATES - 1}"
    return Comparison("DeepFool", norm, f"50 steps, {CANDIDATES - 1} classes", decoy, references)


def superdeepfool() -> Comparison:
    decoy = f"superdeepfool:norm=l2,candidates={CANDIDATES - 1}"
    reference = Reference("adv-lib", "sdf", {}, CANDIDATES)
    return Comparison("SuperDeepFool", "l2", f"until fooled, {CANDIDATES - 1} classes", decoy, [reference])


def carlini_wagner(searches: int, steps: int) -> Comparison:
    """torchattacks does not search for the weight c; it has as many steps as the others in all."""
    references = [
        Reference("foolbox", "L2CarliniWagnerAttack", {"binary_search_steps": searches, "steps": steps}),
        Reference("adv-lib", "carlini_wagner_l2", {"binary_search_steps": searches, "max_iterations": steps}),
        Reference("torchattacks", "CW", {"steps": searches * steps}),
    ]
    decoy = f"cw:searches={searches},steps={steps}"
    return Comparison("Carlini-Wagner", "l2", f"{searches} × {steps} steps", decoy, references)


def sigma_zero(steps: int) -> Comparison:
    reference = Reference("adv-lib", "sigma_zero", {"num_steps": steps})
    return Comparison("σ-zero", "l0", f"{steps} steps", f"sigma-zero:steps={steps}", [reference])


def pdpgd(norm: str, steps: int) -> Comparison:
    reference = Reference("adv-lib", "pdpgd", {"norm": NORMS[norm], "num_steps": steps})
    return Comparison("PDPGD", norm, f"{steps} steps", f"pdpgd:norm={norm},steps={steps}", [reference])


def apgd(loss: str, norm: str, epsilon: float) -> Comparison:
    """In L1 adv-lib alone has it."""
    ours = {"eps": epsilon, "norm": NORMS[norm], "n_iter": 100, "loss_function": loss}
    if norm == "l1":
        references = [Reference("adv-lib", "apgd", {**ours, "use_large_reps": True})]
    else:
        order = {"l2": "L2", "linf": "Linf"}[norm]
        theirs = {"norm": order, "eps": epsilon, "steps": 100, "loss": loss}
        references = [Reference("adv-lib", "apgd", ours), Reference("torchattacks", "APGD", theirs)]
    decoy = f"apgd-{loss}:norm={norm},epsilon={epsilon},steps=100,searches=0"
    return Comparison(f"APGD-{loss.upper()}", norm, "100 steps", decoy, references, epsilon)


def apgds(epsilons: dict[str, list[float]]) -> list[Comparison]:
    return [
        apgd(loss, norm, epsilon)
        for norm, radii in epsilons.items()
        for loss in ["ce", "dlr"]
        for epsilon in radii
    ]


ENSEMBLES = {norm: f"ensemble:norm={norm}" for norm in NORMS}


TOYS = ["--data-set", "--split", "test", "--limit"]


def coil20(model: str, epsilons: dict[str, list[float]], more: list[Comparison] = []) -> Suite:
    comparisons = [
        ddn(100),
        fmn("linf", 100),
        fmn("linf", 100, 10),
        fmn("l2", 100),
        fmn("l1", 100),
        fmn("l0", 100),
        sigma_zero(100),
        *[pdpgd(norm, 100) for norm in ["l1", "l2", "linf"]],
        deepfool("l2"),
        deepfool("linf"),
        superdeepfool(),
        *apgds(epsilons),
        *more,
    ]
    return Suite(model, [*TOYS, "100"], comparisons, ENSEMBLES)


def photos(model: str, epsilons: dict[str, list[float]]) -> Suite:
    comparisons = [
        ddn(100),
        fmn("linf", 100),
        fmn("linf", 100, 10),
        fmn("l2", 100),
        deepfool("l2"),
        deepfool("linf"),
        superdeepfool(),
        *[apgd("ce", norm, epsilon) for norm, radii in epsilons.items() for epsilon in radii],
    ]
    return Suite(model, ["www/gallery/photos"], comparisons, {})


# The radii are near the medians of the smallest perturbations.
SUITES = [
    coil20(
        "coil20-sigma-0.00",
        {"l1": [60], "l2": [3.5], "linf": [0.045]},
        more=[carlini_wagner(9, 100)],
    ),
    Suite("coil20-sigma-0.00", [*TOYS, "100"], [ddn(1000)], {}),
    coil20("coil20-sigma-0.10", {"l1": [60], "l2": [3.5], "linf": [0.045]}),
    photos("photos-sigma-0.00", {"l2": [0.1], "linf": [0.0005]}),
]
