"""The data sets of the course: what their owners publish, and how the course uses them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class DataSet:
    """A data set.

    Attributes:
        name: as in `datasets.load`. folder: name of the folder in the owners' archive. module: reads it, in
            `assignment.datasets`.
        classes, images: their number in the complete set. licence: the terms, one line. page: the owners' page.
        settings: those of the lab that differ from the defaults of `training.config`.
        photographs: the images are files that are resized and may be cached. part_of: name of the set that it is a
            sample of, or "". protocols: the ways to divide it.
    """

    name: str
    folder: str
    module: str
    classes: int
    images: int
    licence: str
    page: str
    settings: Mapping[str, object] = field(repr=False)
    photographs: bool = True
    part_of: str = ""
    protocols: tuple[str, ...] = ("held-out",)


PHOTOGRAPHS = {"backbone": "resnet18", "lr": 1e-5, "epochs": 10, "batch_size": 32, "margin": 0.1}

FASHION = DataSet(
    name="fashion-mnist",
    folder="fashion-mnist",
    module="fashion_mnist",
    classes=10,
    images=70_000,
    licence="FashionMNIST (Xiao et al. 2017): © Zalando SE, MIT licence",
    page="https://github.com/zalandoresearch/fashion-mnist",
    settings={"backbone": "small_resnet", "lr": 5e-4, "epochs": 10, "batch_size": 64, "margin": 0.2},
    photographs=False,
    protocols=("held-out", "seen"),
)
SAMPLE = replace(
    FASHION,
    name="sample",
    # Chosen on the validation classes among nine; a run takes a minute on two cores.
    settings={"backbone": "small_resnet", "lr": 2e-3, "schedule": "cosine", "epochs": 12, "margin": 0.2},
    part_of=FASHION.name,
    protocols=("held-out",),
)
CUB = DataSet(
    name="cub",
    folder="CUB_200_2011",
    module="cub",
    classes=200,
    images=11_788,
    licence="CUB-200-2011 (Wah et al. 2011): non-commercial research and education only, not to be passed on",
    page="https://www.vision.caltech.edu/datasets/cub_200_2011/",
    settings={**PHOTOGRAPHS, "images_per_class": 20},
)
PETS = DataSet(
    name="pets",
    folder="oxford-iiit-pet",
    module="pets",
    classes=37,
    images=7_349,
    licence="Oxford-IIIT Pet (Parkhi et al. 2012): CC BY-SA 4.0",
    page="https://www.robots.ox.ac.uk/~vgg/data/pets/",
    settings=PHOTOGRAPHS,
)
SOP = DataSet(
    name="sop",
    folder="Stanford_Online_Products",
    module="sop",
    classes=22_634,
    images=120_053,
    licence="Stanford Online Products (Song et al. 2016): research only; see the owners' page",
    page="https://cvgl.stanford.edu/projects/lifted_struct/",
    settings=PHOTOGRAPHS,
)

SETS = {each.name: each for each in (SAMPLE, FASHION, CUB, PETS, SOP)}


def same_images(name: str) -> tuple[str, ...]:
    """Return the names of all sets with images of the set `name`: itself, and the set it is part of or its parts.

    Example:
        >>> same_images("fashion-mnist"), same_images("cub")
        (('sample', 'fashion-mnist'), ('cub',))
    """
    whole = SETS[name].part_of or name
    return tuple(each.name for each in SETS.values() if whole in (each.name, each.part_of))
