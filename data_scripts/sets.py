"""Create a data set's folder below the root from an archive, a folder or a download; all of it, or nothing."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from data_scripts.download import fetch, no_room, require_md5, require_unpacked_md5
from data_scripts.errors import Damaged, Unavailable
from data_scripts.registry import Archive, Source
from data_scripts.unpack import unpack


def place(source: Source, root: Path, given: Path | None) -> tuple[Path, str]:
    """Put a set of images below `root`, unless it exists there.

    Args:
        given: an archive, a folder with the archives, or the unpacked folder; None downloads.

    Returns:
        the set's folder, and a description of where it came from.
    """
    target = root / source.official.folder
    if target.exists():
        if _is_unpacked(source, target):
            return target, "exists already; nothing was changed"
        raise Damaged(f"{target}: exists, but does not contain {_missing(source, target)}; move it away and try again")
    if given is not None and not given.exists():
        raise Unavailable(f"{given}: no such file or folder; {_advice(source)}")
    if given is not None and (unpacked := _unpacked_below(source, given)):
        with _appearing(target) as hidden:
            _copy(unpacked, hidden)
        return target, f"copied from {unpacked}"
    archives = [_archive(source, archive, root, given) for archive in source.archives]
    with _appearing(target) as hidden:
        for path in archives:
            unpack(path, hidden, source.most_bytes, source.most_files)
        if not _is_unpacked(source, hidden) and not _is_unpacked(source, hidden / target.name):
            names = ", ".join(path.name for path in archives)
            raise Damaged(f"{names}: does not contain {_missing(source, hidden)}; {_advice(source)}")
    if given is None:
        for path in archives:  # only downloads are removed, never what the user gave
            path.unlink()
    return target, f"unpacked from {', '.join(path.name for path in archives)}"


def place_fashion_mnist(source: Source, root: Path, given: Path | None) -> tuple[Path, str]:
    """Like `place`, for FashionMNIST, whose four files are used as they are: from `given`, the system or a download.

    Recompressed files are accepted: the checksum is that of the uncompressed bytes.
    """
    from assignment.datasets.fashion_mnist import system_folders

    target = root / source.official.folder
    if target.exists():
        for archive in source.archives:
            require_unpacked_md5(_fashion_file(source, archive, target), archive.unpacked_md5)
        return target, "exists already; nothing was changed"
    if given is not None and not given.is_dir():
        raise Unavailable(f"{given}: not a folder with the four files; {_advice(source)}")
    places = [given] if given is not None else [folder for folder in system_folders() if folder.is_dir()]
    for folder in places:
        files = [_fashion_file(source, archive, folder) for archive in source.archives]
        for archive, path in zip(source.archives, files, strict=True):
            require_unpacked_md5(path, archive.unpacked_md5)
        with _appearing(target) as hidden:
            for path in files:
                shutil.copyfile(path, hidden / path.name)
        return target, f"copied from {folder}"
    downloads = root / f"{target.name}.download"
    for archive in source.archives:
        fetch(archive.url, downloads, archive.name, archive.md5, _advice(source))
    downloads.rename(target)
    return target, "downloaded"


def _fashion_file(source: Source, archive: Archive, folder: Path) -> Path:
    for path in (folder / archive.name, folder / archive.name.removesuffix(".gz")):
        if path.is_file():
            return path
    raise Unavailable(f"{folder}: does not contain {archive.name}; {_advice(source)}")


def _archive(source: Source, archive: Archive, root: Path, given: Path | None) -> Path:
    """Return the path of one archive: the given one, one in the given folder, or a download."""
    if given is None:
        return fetch(archive.url, root, archive.name, archive.md5, _advice(source))
    path = given / archive.name if given.is_dir() else given
    if len(source.archives) > 1 and not given.is_dir():  # one archive of several: the others are beside it
        path = given.parent / archive.name
    if not path.is_file():
        raise Unavailable(f"{path}: no such file; {_advice(source)}")
    require_md5(path, archive.md5)
    return path


def _advice(source: Source) -> str:
    names = " and ".join(archive.name for archive in source.archives)
    addresses = " ".join(archive.url for archive in source.archives)
    return f"download {addresses} and run: python -m data_scripts {source.official.name} --from FOLDER_WITH {names}"


def _unpacked_below(source: Source, given: Path) -> Path | None:
    for folder in (given, given / source.official.folder):
        if folder.is_dir() and _is_unpacked(source, folder):
            return folder
    return None


def _is_unpacked(source: Source, folder: Path) -> bool:
    return not _missing(source, folder)


def _missing(source: Source, folder: Path) -> str:
    return next((name for name in source.lists if not (folder / name).exists()), "")


@contextmanager
def _appearing(target: Path) -> Iterator[Path]:
    """Yield a hidden folder that is renamed to `target` if the block succeeds and removed if it fails."""
    hidden = target.with_name(f".{target.name}-{secrets.token_hex(4)}")
    try:
        hidden.mkdir(parents=True)
        yield hidden
        inner = hidden / target.name  # most archives contain the folder itself
        (inner if inner.is_dir() else hidden).rename(target)
    except OSError as problem:
        raise no_room(problem, target.parent) from None
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


def _copy(folder: Path, target: Path) -> None:
    from tqdm import tqdm

    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    for path in tqdm(files, f"copying {folder.name}", unit=" files", disable=None):
        copy = target / path.relative_to(folder)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy)
