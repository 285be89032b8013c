"""Bring generated files to one door, in a process of bounded memory: `run.py DOOR COUNT [SEED] [--guided]`.

With `--guided`, atheris chooses them by the code they reach, else hypothesis by its strategies. Ends with 0 and one
line of JSON; a file that gets no verdict ends it, its bytes in hexadecimal before the traceback.
"""

from __future__ import annotations

import argparse
import json
import resource
import signal
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path
from typing import Any, NoReturn

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[2])]

ROOM = 768 << 20  # bytes of address space beyond what the libraries take
GROWTH_MB = 400  # of resident memory, over all files
HANG_SECONDS = 30.0


class Hang(BaseException):
    """A door took too long."""


class Tester:
    """Brings files to a door and counts the verdicts."""

    def __init__(self, door: str) -> None:
        import doors

        self.door, self.through, self.emptied = door, doors.through, doors.emptied
        self.verdicts: Counter[str] = Counter()
        self._folder = tempfile.TemporaryDirectory(prefix="dml-fuzz-", dir=_quick())
        self._place = Path(self._folder.name) / "door"

    def __call__(self, data: bytes, seconds: float = HANG_SECONDS) -> None:
        """One file."""
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            verdict = self.through(self.door, data, self.emptied(self._place))
        except BaseException:
            print(data.hex(), flush=True)  # the last one is the smallest that hypothesis found
            raise
        signal.setitimer(signal.ITIMER_REAL, 0)
        self.verdicts["taken" if "taken:" in verdict or "filled" in verdict else "refused"] += 1


def _quick() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def _hung(number: int, frame: Any) -> NoReturn:
    raise Hang(f"no verdict within {HANG_SECONDS:g} seconds")


def _warm_up(tester: Tester) -> int:
    """One sound file, for all libraries to be there; then the limit. Return resident KB."""
    import malformed

    for data in malformed.samples(tester.door):
        tester(data, seconds=0)  # libraries come in, from a cold disk perhaps
    tester.verdicts.clear()
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + ROOM, size + ROOM))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def by_strategies(tester: Tester, count: int, seed: int) -> None:
    """Files by hypothesis."""
    import malformed
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import seed as seeded

    @seeded(seed)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(malformed.files(tester.door))
    def test(data: bytes) -> None:
        tester(data)

    test()


def by_coverage(tester: Tester, count: int, seed: int) -> None:
    """Files by atheris, from the sound ones on."""
    import atheris
    import malformed

    corpus = Path(tempfile.mkdtemp(prefix="dml-corpus-", dir=_quick()))
    for number, data in enumerate(malformed.samples(tester.door)):
        (corpus / str(number)).write_bytes(data)
    options = [f"-atheris_runs={count}", f"-seed={seed + 1}", "-max_len=20000", "-rss_limit_mb=0", "-verbosity=0"]
    atheris.Setup([sys.argv[0], *options, f"-artifact_prefix={corpus}/", str(corpus)], tester)
    try:
        atheris.Fuzz()
    except SystemExit as ended:  # its way of saying that it is done
        if ended.code:
            raise


def main() -> None:
    """Try so many files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("door")
    parser.add_argument("count", type=int)
    parser.add_argument("seed", type=int, nargs="?", default=0)
    parser.add_argument("--guided", action="store_true")
    options = parser.parse_args()
    if options.guided:
        import atheris

        with atheris.instrument_imports(include=["autograder", "assignment.checking", "assignment.training"]):
            tester = Tester(options.door)
    else:
        tester = Tester(options.door)
    signal.signal(signal.SIGALRM, _hung)
    warnings.simplefilter("ignore")
    before = _warm_up(tester)
    (by_coverage if options.guided else by_strategies)(tester, options.count, options.seed)
    signal.setitimer(signal.ITIMER_REAL, 0)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    told = {"door": tester.door, "files": sum(tester.verdicts.values()), "grown_mb": round(grown), **tester.verdicts}
    print(json.dumps(told))
    sys.exit(f"grew by {grown:.0f} MB" if grown > GROWTH_MB else 0)


if __name__ == "__main__":
    main()
