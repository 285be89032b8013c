"""What the owners say of each data set: the name of its folder, how much is in it, under which terms."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Official:
    """A whole data set.

    Attributes:
        name: as `datasets.load` calls it. folder: as its archive does.
        classes, images: how many there are in the lists. licence: the terms, one line. page: the owners' own.
    """

    name: str
    folder: str
    classes: int
    images: int
    licence: str
    page: str


CUB = Official(
    name="cub",
    folder="CUB_200_2011",
    classes=200,
    images=11_788,
    licence="CUB-200-2011 (Wah et al. 2011): non-commercial research and education only, not to be passed on",
    page="https://www.vision.caltech.edu/datasets/cub_200_2011/",
)
PETS = Official(
    name="pets",
    folder="oxford-iiit-pet",
    classes=37,
    images=7_349,
    licence="Oxford-IIIT Pet (Parkhi et al. 2012): CC BY-SA 4.0",
    page="https://www.robots.ox.ac.uk/~vgg/data/pets/",
)
SOP = Official(
    name="sop",
    folder="Stanford_Online_Products",
    classes=22_634,
    images=120_053,
    licence="Stanford Online Products (Song et al. 2016): research only; see the owners' page",
    page="https://cvgl.stanford.edu/projects/lifted_struct/",
)
FASHION = Official(
    name="fashion-mnist",
    folder="fashion-mnist",
    classes=10,
    images=70_000,
    licence="FashionMNIST (Xiao et al. 2017): © Zalando SE, MIT licence",
    page="https://github.com/zalandoresearch/fashion-mnist",
)
