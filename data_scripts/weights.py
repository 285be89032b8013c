"""Fetch ImageNet weights of torchvision's networks, check the digits in their names, load them as a test."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from pathlib import Path

from data_scripts.download import fetch, no_room
from data_scripts.errors import Damaged, Unavailable
from data_scripts.registry import weights_url


def place(name: str, root: Path, given: Path | None) -> Path:
    """Put the weights of the network `name` into `root/weights`, unless they exist there.

    Args:
        given: the file or a folder that contains it; None downloads.
    """
    url = weights_url(name)
    file = url.rpartition("/")[2]
    target = root / "weights" / file
    advice = f"download {url} and run: python -m data_scripts weights {name} --from FOLDER_WITH {file}"
    if given is not None and not target.exists():
        path = given / file if given.is_dir() else given
        if not path.is_file():
            raise Unavailable(f"{path}: no such file; {advice}")
        require_digits(path, file)
        part = target.with_name(f"{file}.copy")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, part)
            part.replace(target)
        except OSError as problem:
            with contextlib.suppress(OSError):
                part.unlink()
            raise no_room(problem, target.parent) from None
        return target
    present = target.exists()
    fetch(url, target.parent, file, "", advice)
    try:
        require_digits(target, file)
    except Damaged:
        if not present:  # remove only what was downloaded just now, never the user's file
            target.unlink()
        raise
    return target


def require_digits(path: Path, name: str) -> None:
    """Raise Damaged unless a file's SHA-256 begins with the digits at the end of its official name (…-f37072fd.pth)."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    digits = name.removesuffix(".pth").rpartition("-")[2]
    if not digest.startswith(digits):
        raise Damaged(
            f"{path}: incomplete or changed (SHA-256 {digest[:12]}… instead of {digits}…); remove it and try again"
        )


def verify(name: str, path: Path) -> str:
    """Load the file into its network; return the number of parameters as text."""
    from assignment import backbones

    network = backbones.build(name)
    try:
        backbones.load_weights(network, path)
    except ValueError as problem:
        raise Damaged(str(problem)) from None
    return f"{sum(parameter.numel() for parameter in network.parameters()):,} parameters"
