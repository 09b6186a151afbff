"""The comparisons: attacks, networks and images. Both sides of a comparison use the same number of gradients."""

from dataclasses import dataclass, replace
from math import inf

from references import Reference

NORMS = {"l0": 0, "l1": 1, "l2": 2, "linf": inf}

ENSEMBLES = {norm: f"ensemble:norm={norm}" for norm in NORMS}

# Numbers of gradients of each attack in the suite of budgets.
BUDGETS = [20, 50, 100, 200]

# DeepFool takes one gradient for each class. All sides use the true class and the 9 best others, the default of
# Foolbox, or fewer.
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
    """If set, compares the number of images fooled within it; else the smallest perturbations."""


@dataclass(frozen=True)
class Suite:
    """Comparisons on the same images with the same network."""

    model: str
    images: list[str]
    """The images, as arguments of `decoy compare`."""
    comparisons: list[Comparison]
    ensembles: dict[str, str]
    """By norm, the ensemble attack of Decoy that is compared with the best of all references."""
    budgets: bool = False
    """Whether it has the same attacks with several numbers of steps, shown side by side."""


def ddn(steps: int) -> Comparison:
    references = [
        Reference("foolbox", "DDNAttack", {"steps": steps}),
        Reference("adv-lib", "ddn", {"steps": steps, "levels": None}),
    ]
    return Comparison("DDN", "l2", f"{steps} steps", f"ddn:steps={steps}", references)


def fmn(norm: str, steps: int, step_size: float | None = None) -> Comparison:
    """In L2 Foolbox is not a reference: its version does not project."""
    ours = {} if step_size is None else {"max_stepsize": step_size}
    theirs = {} if step_size is None else {"α_init": step_size}
    references = [Reference("adv-lib", "fmn", {"norm": NORMS[norm], "steps": steps, **theirs})]
    if norm != "l2":
        name = {"l0": "L0FMNAttack", "l1": "L1FMNAttack", "linf": "LInfFMNAttack"}[norm]
        references.insert(0, Reference("foolbox", name, {"steps": steps, **ours}))
    title = "FMN" if step_size is None else f"FMN, theirs with α = {step_size:g}"
    return Comparison(title, norm, f"{steps} steps", f"fmn:norm={norm},steps={steps}", references)


def fab(norm: str, steps: int) -> Comparison:
    """adv-lib takes the gradient of the best wrong class of the original alone, so that a step has one gradient."""
    one = {"targeted_restarts": True, "restarts": 1}
    reference = Reference("adv-lib", "fab", {"norm": NORMS[norm], "n_iter": steps, **one})
    return Comparison("FAB", norm, f"{steps} steps", f"fab:norm={norm},steps={steps}", [reference])


def deepfool(norm: str, classes: int = CANDIDATES, steps: int = 50) -> Comparison:
    """On the true class and the best others, `classes` in all."""
    name = {"l2": "L2DeepFoolAttack", "linf": "LinfDeepFoolAttack"}[norm]
    references = [
        Reference("foolbox", name, {"steps": steps, "candidates": classes}),
        Reference("adv-lib", "df", {"steps": steps, "norm": NORMS[norm]}, classes),
    ]
    if norm == "l2":
        references.append(Reference("torchattacks", "DeepFool", {"steps": steps}, classes))
    decoy = f"deepfool:norm={norm},steps={steps},candidates={classes - 1}"
    words = "1 class" if classes == 2 else f"{classes - 1} classes"
    return Comparison("DeepFool", norm, f"{steps} steps, {words}", decoy, references)


def superdeepfool() -> Comparison:
    decoy = f"superdeepfool:norm=l2,candidates={CANDIDATES - 1}"
    reference = Reference("adv-lib", "sdf", {}, CANDIDATES)
    return Comparison("SuperDeepFool", "l2", f"until fooled, {CANDIDATES - 1} classes", decoy, [reference])


def carlini_wagner(searches: int, steps: int, weight: float | None = None) -> Comparison:
    """torchattacks does not search for the weight c, which is 1; it gets as many steps as the others have in total. With
    `weight`, the others begin with that c, else with 0.001."""
    first = {} if weight is None else {"initial_const": weight}
    references = [
        Reference("foolbox", "L2CarliniWagnerAttack", {"binary_search_steps": searches, "steps": steps, **first}),
        Reference("adv-lib", "carlini_wagner_l2", {"binary_search_steps": searches, "max_iterations": steps, **first}),
        Reference("torchattacks", "CW", {"steps": searches * steps}),
    ]
    decoy = f"cw:searches={searches},steps={steps}" + ("" if weight is None else f",initial_weight={weight:g}")
    return Comparison("Carlini-Wagner", "l2", f"{searches} × {steps} steps", decoy, references)


def sigma_zero(steps: int) -> Comparison:
    reference = Reference("adv-lib", "sigma_zero", {"num_steps": steps})
    return Comparison("σ-zero", "l0", f"{steps} steps", f"sigma-zero:steps={steps}", [reference])


def pdpgd(norm: str, steps: int) -> Comparison:
    reference = Reference("adv-lib", "pdpgd", {"norm": NORMS[norm], "num_steps": steps})
    return Comparison("PDPGD", norm, f"{steps} steps", f"pdpgd:norm={norm},steps={steps}", [reference])


def ead(searches: int, steps: int) -> Comparison:
    """Decoy does not have this attack: its ensemble is compared instead."""
    reference = Reference("foolbox", "EADAttack", {"binary_search_steps": searches, "steps": steps, "decision_rule": "L1"})
    return Comparison("EAD, beside the ensemble", "l1", f"{searches} × {steps} steps", ENSEMBLES["l1"], [reference])


def apgd(loss: str, norm: str, epsilon: float) -> Comparison:
    """For L1 only adv-lib has this attack."""
    ours = {"eps": epsilon, "norm": NORMS[norm], "n_iter": 100, "loss_function": loss}
    if norm == "l1":
        references = [Reference("adv-lib", "apgd", {**ours, "use_large_reps": True})]
    else:
        order = {"l2": "L2", "linf": "Linf"}[norm]
        theirs = {"norm": order, "eps": epsilon, "steps": 100, "loss": loss}
        references = [Reference("adv-lib", "apgd", ours), Reference("torchattacks", "APGD", theirs)]
    decoy = f"apgd-{loss}:norm={norm},epsilon={epsilon},steps=100,searches=0"
    return Comparison(f"APGD-{loss.upper()}", norm, "100 steps", decoy, references, epsilon)


SEARCHES = 10
"""Values of ε that APGD tries where it searches for the smallest."""


def apgd_search(norm: str, gradients: int) -> Comparison:
    """APGD for the smallest ε, in as many gradients as the others have."""
    epsilon, steps = {"l1": 12, "l2": 1, "linf": 0.03}[norm], gradients // SEARCHES
    theirs = {"norm": NORMS[norm], "max_eps": epsilon, "binary_search_steps": SEARCHES, "n_iter": steps, "loss_function": "ce"}
    reference = Reference("adv-lib", "auto_pgd.minimal_apgd", theirs)
    decoy = f"apgd-ce:norm={norm},epsilon={epsilon},steps={steps},searches={SEARCHES}"
    return Comparison(f"APGD-CE, {SEARCHES} values of ε", norm, f"{gradients} steps", decoy, [reference])


def apgds(epsilons: dict[str, list[float]]) -> list[Comparison]:
    return [
        apgd(loss, norm, epsilon)
        for norm, radii in epsilons.items()
        for loss in ["ce", "dlr"]
        for epsilon in radii
    ]


def held_out(images: int) -> list[str]:
    return ["--data-set", "--split", "test", "--limit", str(images)]


def small(model: str, images: int, epsilons: dict[str, list[float]], more: list[Comparison] = []) -> Suite:
    """All attacks, on a small network."""
    comparisons = [
        ddn(100),
        fmn("linf", 100),
        fmn("linf", 100, 10),
        fmn("l2", 100),
        fmn("l1", 100),
        fmn("l0", 100),
        sigma_zero(100),
        *[pdpgd(norm, 100) for norm in ["l1", "l2", "linf"]],
        *[fab(norm, 100) for norm in ["l1", "l2", "linf"]],
        deepfool("l2"),
        deepfool("linf"),
        superdeepfool(),
        *apgds(epsilons),
        ead(9, 100),
        *more,
    ]
    return Suite(model, held_out(images), comparisons, ENSEMBLES)


PHOTOS = ["bison", "chelsea", "coffee", "koala", "macaw", "red-panda"]


def photos(model: str, epsilons: dict[str, list[float]]) -> Suite:
    comparisons = [
        ddn(100),
        fmn("linf", 100),
        fmn("linf", 100, 10),
        fmn("l2", 100),
        fmn("l1", 100),
        fmn("l0", 100),
        sigma_zero(100),
        pdpgd("l1", 100),
        deepfool("l2"),
        *[apgd("ce", norm, epsilon) for norm, radii in epsilons.items() for epsilon in radii],
    ]
    return Suite(model, [f"www/gallery/photos/{name}.jpg" for name in PHOTOS], comparisons, ENSEMBLES)


def budgets(model: str, images: int) -> Suite:
    """The size of the perturbations by the number of gradients."""

    def attacks(gradients: int) -> list[Comparison]:
        several = [*[deepfool(norm, 2, gradients) for norm in ["l2", "linf"]], carlini_wagner(1, gradients, 1.0)]
        return [
            ddn(gradients),
            sigma_zero(gradients),
            *[fmn(norm, gradients) for norm in NORMS],
            *[attack(norm, gradients) for attack in [pdpgd, fab, apgd_search] for norm in ["l1", "l2", "linf"]],
            # One class besides the true one is one gradient a step, and so is one search.
            *[replace(comparison, budget=f"{gradients} steps") for comparison in several],
            # adv-lib's cannot be stopped after some gradients.
            Comparison("SuperDeepFool", "l2", f"{gradients} steps", f"superdeepfool:norm=l2,candidates=1,steps={gradients}", []),
        ]

    comparisons = [comparison for gradients in BUDGETS for comparison in attacks(gradients)]
    return Suite(model, held_out(images), comparisons, {}, budgets=True)


# The values of ε are near the medians of the smallest perturbations.
SUITES = [
    small("cifar10-sigma-0.00", 100, {"l1": [1.5], "l2": [0.13], "linf": [0.004]}, more=[carlini_wagner(9, 100)]),
    budgets("cifar10-sigma-0.25", 40),
    small("coil20-sigma-0.00", 40, {"l1": [125], "l2": [3.7], "linf": [0.045]}),
    photos("photos-sigma-0.00", {"l2": [0.1], "linf": [0.0005]}),
    Suite("cifar10-sigma-0.00", held_out(20), [carlini_wagner(9, 1000)], {}),
]
