"""Where the owners publish each data set, and the checksums of the published files."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from assignment.datasets.registry import CUB, FASHION, PETS, SOP, DataSet


@dataclass(frozen=True)
class Archive:
    """One file to download.

    Attributes:
        url: its address. md5: of the file itself. unpacked_md5: of its uncompressed bytes, where recompressed copies
            are accepted.
    """

    url: str
    md5: str
    unpacked_md5: str = ""

    @property
    def name(self) -> str:
        """The file's name on disk."""
        return urlsplit(self.url).path.rpartition("/")[2]


@dataclass(frozen=True)
class Source:
    """A data set to download.

    Attributes:
        official: facts published by the owners. archives: the files. lists: what an unpacked folder must contain.
        most_bytes, most_files: limits at which unpacking stops.
    """

    official: DataSet
    archives: tuple[Archive, ...]
    lists: tuple[str, ...]
    most_bytes: int = 4_000_000_000
    most_files: int = 100_000


_FASHION = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"

SOURCES = {
    source.official.name: source
    for source in (
        Source(
            CUB,
            (
                Archive(
                    "https://data.caltech.edu/records/65de6-vp158/files/CUB_200_2011.tgz?download=1",
                    "97eeceeb196236b17998738112f37df78",
                ),
            ),
            ("images.txt", "image_class_labels.txt", "images"),
        ),
        Source(
            PETS,
            (
                Archive("https://thor.robots.ox.ac.uk/pets/images.tar.gz", "5c4f3ee8e5d25df40f4fd59a7f44e54c"),
                Archive("https://thor.robots.ox.ac.uk/pets/annotations.tar.gz", "95a8c909bbe2e81eed6a22bccdf3f68f"),
            ),
            ("annotations", "images"),
        ),
        Source(
            SOP,
            # The owners publish no checksum; this is the one that public loaders of the set check.
            (
                Archive(
                    "http://ftp.cs.stanford.edu/cs/cvgl/Stanford_Online_Products.zip",
                    "7f73d41a2f44250d4779881525aea32e",
                ),
            ),
            ("Ebay_train.txt", "Ebay_test.txt"),
            most_bytes=10_000_000_000,
            most_files=300_000,
        ),
        Source(
            FASHION,
            tuple(
                Archive(f"{_FASHION}{name}-ubyte.gz", md5, unpacked)
                for name, md5, unpacked in (
                    ("train-images-idx3", "8d4fb7e6c68d591d4c3dfef9ec88bf0d", "f4a8712d7a061bf5bd6d2ca38dc4d50a"),
                    ("train-labels-idx1", "25c81989df183df01b3e8a0aad5dffbe", "9018921c3c673c538a1fc5bad174d6f9"),
                    ("t10k-images-idx3", "bef4ecab320f06d8554ea6380940ec79", "8181f5470baa50b63fa0f6fddb340f0a"),
                    ("t10k-labels-idx1", "bb300cfdad3c16e7a12a480ee83cd310", "15d484375f8d13e6eb1aabb0c3f46965"),
                )
            ),
            tuple(f"{name}-ubyte.gz" for name in ("train-images-idx3", "train-labels-idx1"))
            + tuple(f"{name}-ubyte.gz" for name in ("t10k-images-idx3", "t10k-labels-idx1")),
        ),
    )
}

# torchvision's names of its ImageNet weights; a file's name ends with the first digits of its SHA-256.
WEIGHTS = {
    "resnet18": "IMAGENET1K_V1",
    "resnet34": "IMAGENET1K_V1",
    "resnet50": "IMAGENET1K_V1",
    "mobilenet_v2": "IMAGENET1K_V1",
    "squeezenet1_1": "IMAGENET1K_V1",
}
WEIGHTS_LICENCE = "torchvision's weights: BSD-3-Clause; trained on ImageNet, whose terms are for research and education"


def weights_url(name: str) -> str:
    """The address of a network's weights in torchvision's list."""
    import torchvision  # costs seconds

    return torchvision.models.get_model_weights(name)[WEIGHTS[name]].url
