"""The training loop for any `dml.py`, with the functions of that file: mine, train, validate, keep the best epoch.

The best epoch is chosen on the validation classes alone. The test classes are used once, at the end.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from torch import nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from assignment.cores import available_cores
from assignment.datasets.data import Data, QueryGallery
from assignment.evaluation import metrics, retrieval
from assignment.files import write_whole
from assignment.training import checkpoints, distributed, precision, runs, sampling, seeds
from assignment.training import model as models
from assignment.training.config import Config, from_text
from assignment.training.precision import Network
from assignment.training.preparing import Run, load, prepare
from assignment.training.steps import INTACT, Diverged

VALIDATION_BATCH = 256  # images


def train_run(
    dml: ModuleType,
    config: Config,
    out: str | Path,
    console: Console,
    resume: bool = False,
    data: Data | None = None,
    parts: Sequence[str] = ("val", "test"),
) -> dict[str, Any]:
    """Train with the functions of a file and write the results to a folder.

    Args:
        dml: the imported file. config: the settings. out: the folder of the run (see `assignment.training.runs`).
        console: prints the epochs and the final table. resume: continue the run in `out`.
        data: the data set, if it is already loaded.
        parts: evaluated at the end; a run for choosing settings does not use the test classes.

    Returns:
        {"best_epoch", "val_before", "val_after", "test_before", "test_after"}: the epoch whose weights are kept (0 is
        the untrained network), and P@1 of the parts that were evaluated.

    Raises:
        ValueError, FileNotFoundError: an error that the user can correct, in one line; earlier files are intact.
    """
    out = Path(out)
    with distributed.joined() as group:
        if not group.first:
            console = Console(quiet=True)
        else:
            runs.check(out, config, resume)
        try:
            run = prepare(dml, config, out, console, group, data)
            if resume:
                restore(run)
            else:
                begin(run)
            while run.epoch < config.epochs and config.loss != "none" and not stopped_early(run):
                one_epoch(run)
            return finish(run, parts)
        except NotImplementedError as stub:
            raise ValueError(f"still to do: {stub}") from None


def begin(run: Run) -> None:
    """Write the settings and evaluate the untrained network, the first candidate for the best epoch."""
    seeds.seed_all(run.config.seed)
    if run.group.first:
        runs.begin(run.out, run.config, str(run.dml.__file__))
        runs.write_history(run.out, [])
        run.board = runs.Board(run.out)
    keep(run, {"epoch": 0, **validate(run)})


def restore(run: Run) -> None:
    """Restore the state of a run from its last.pt."""
    path = run.out / "last.pt"
    state = checkpoints.read(path)
    checkpoints.load_model(run.network.extractor, state, path)
    try:
        if run.steps.head is not None:
            run.steps.head.load_state_dict(state["head"])
        run.optimizer.load_state_dict(state["optimizer"])
        run.steps.schedule.load_state_dict(state["schedule"])
        run.history, run.epoch = state["history"], state["epoch"]
        run.best_epoch, run.best = state["best_epoch"], state["best"]
        seeds.restore(state["generators"])
    except (KeyError, TypeError, ValueError, RuntimeError) as problem:
        raise ValueError(
            f"checkpoint {path}: the run cannot be resumed from it ({type(problem).__name__}); start a new run"
        ) from None
    if run.group.first:
        runs.resume(run.out, run.config, run.history)
        run.board = runs.Board(run.out)
    run.console.print(f"resumed after epoch {run.epoch}")
    if runs.changed_since(runs.read_versions(run.out), str(run.dml.__file__)):
        run.console.print(f"{Path(str(run.dml.__file__)).name} has changed since the run began")


# --------------------------------------------------------------------------------------------------------- epochs


def one_epoch(run: Run) -> None:
    """Mine, train, validate, and write the results of one epoch."""
    epoch = run.epoch + 1
    started = time.perf_counter()
    distributed.share_generators(run.group)
    if run.triplets is not None:
        mine(run)
    mined = time.perf_counter()
    if run.config.dropout and not run.group.first:
        torch.manual_seed(torch.initial_seed() + run.group.rank)  # other dropout masks in each process
    generator = torch.Generator().manual_seed(run.config.seed + 1_000_003 * epoch)
    batches = sampling.plan(run.config, np.asarray(run.data.train.labels), generator)
    run.steps.begin(epoch, batches)
    dataset: Any
    if run.triplets is not None:
        dataset = sampling.Triplets(run.triplets)
    else:
        dataset = sampling.Images(run.data.train, run.data.augment if run.config.augment else None)
    shares = [distributed.share(batch, run.group)[0] for batch in batches]
    last = f"{run.history[-1]['loss']:.4f} in the last epoch" if "loss" in run.history[-1] else "…"
    with tqdm(total=len(batches), desc=f"epoch {epoch}", leave=False, disable=None if run.group.first else True) as bar:
        bar.set_postfix_str(f"loss {last}", refresh=False)

        def count(number: int) -> None:
            run.steps.batch = number
            bar.update(number - 1 - bar.n)

        loader = Counted(
            dataset,
            count,
            batch_sampler=shares,
            num_workers=run.workers,
            # A new loader each epoch: its workers are forked after mining and so see `hardneg`, whatever its type.
            multiprocessing_context="fork" if run.workers else None,
            pin_memory=run.network.device.type == "cuda",
        )
        if run.triplets is not None:
            loss = float(models.named(run.dml, "train")(run.network, loader, run.optimizer, run.config.margin))
        else:
            loss = train_batches(run, loader, batches, lambda value: bar.set_postfix_str(f"loss {value:.4f}", False))
    if not math.isfinite(loss):
        raise Diverged(f"epoch {epoch}: the mean loss is {loss}; lower lr or set clip. {INTACT}")
    trained = time.perf_counter()
    row: dict[str, float] = {"epoch": epoch, "lr": run.steps.rate, "loss": loss}
    row |= {"gradient": run.steps.mean_gradient(), "mine_s": mined - started, "train_s": trained - mined}
    row |= validate(run)
    keep(run, row | {"validate_s": time.perf_counter() - trained})


def mine(run: Run) -> None:
    """Fill `hardneg` with the nearest negatives of the network or with random ones."""
    if run.config.negatives == "random":
        sampling.fill_negatives(run.triplets, sampling.random_negatives(np.asarray(run.data.train.labels)))
        return
    with torch.no_grad():
        run.triplets.minehard(run.network)


class Counted(DataLoader):
    """A loader that calls `count` with the number of each batch, from 1, before it yields the batch."""

    def __init__(self, dataset: Any, count: Callable[[int], None], **options: Any) -> None:
        self.count = count
        super().__init__(dataset, **options)

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        for number, batch in enumerate(super().__iter__(), start=1):
            self.count(number)
            yield batch


def train_batches(run: Run, loader: DataLoader, batches: list[sampling.Batch], show: Callable[[float], None]) -> float:
    """Train for one epoch with a loss over whole batches; return the mean loss over images."""
    network, objective, labels = run.network, run.objective, torch.as_tensor(np.asarray(run.data.train.labels))
    if objective is None:
        raise ValueError(f"loss {run.config.loss} has no batch objective")
    network.train()
    if run.config.batchnorm == "frozen":
        for layer in network.modules():
            layer.train("BatchNorm" not in type(layer).__name__)
    total = images_seen = 0.0
    for batch, images in zip(batches, loader, strict=True):
        rows = network(images)[: run.steps.counted()]
        rows = distributed.gather(rows, len(batch), run.group)
        loss = objective.loss(rows, labels[[i for i, _ in batch]].to(rows.device))
        run.optimizer.zero_grad()
        loss.backward()
        value = loss.item()
        if not math.isfinite(value):
            raise run.steps.diverged(f"the loss is {value}")
        run.optimizer.step()
        total, images_seen = total + value * len(batch), images_seen + len(batch)
        show(value)
    return total / images_seen


# ----------------------------------------------------------------------------------------- validating and keeping


def validate(run: Run) -> dict[str, float]:
    """Return P@1 and mAP on the validation classes in every process; the first process computes them."""
    found: dict[str, float] = {}
    if run.group.first:
        found = quick_metrics(run.network, run.data.val, run.network.device, run.config.mirror)
    return distributed.broadcast(found, run.group)


@torch.inference_mode()
def quick_metrics(
    network: nn.Module, query_gallery: QueryGallery, device: torch.device, mirror: bool = False
) -> dict[str, float]:
    """Compute P@1 and mAP only, by which the best epoch is chosen."""
    queries, gallery = metrics.describe_both(network, query_gallery, device, batch_size=VALIDATION_BATCH, mirror=mirror)
    found = retrieval.query_metrics(
        queries, query_gallery.queries.labels, gallery, query_gallery.gallery.labels, query_gallery.self_index, (1,)
    )
    if not len(found.scored):
        raise ValueError(
            "validation: no image has another one of its class, so no epoch can be chosen; use more images"
        )
    return {"P@1": float(found.first.mean()), "mAP": float(found.average_precision.mean())}


def keep(run: Run, row: dict[str, float]) -> None:
    """Record an epoch: write checkpoints and logs, and print its line."""
    run.epoch = int(row["epoch"])
    monitor = row[run.config.monitor]
    run.steps.end_epoch(monitor)
    better = monitor > run.best
    if better:
        run.best_epoch, run.best = run.epoch, monitor
    run.history.append(row)
    if run.group.first:
        state = {
            "model": run.network.extractor.state_dict(),
            "config": asdict(run.config),
            "epoch": run.epoch,
            "monitor": monitor,
        }
        if better:
            checkpoints.save(state, run.out / "best.pt")
        more = {
            "head": run.steps.head.state_dict() if run.steps.head is not None else None,
            "optimizer": run.optimizer.state_dict(),
            "schedule": run.steps.schedule.state_dict(),
            "history": run.history,
            "best_epoch": run.best_epoch,
            "best": run.best,
            "generators": seeds.states(),
        }
        checkpoints.save({**state, **more}, run.out / "last.pt")
        runs.append_history(run.out, row)
        if run.board:
            run.board.add(row)
    result = f"loss {row['loss']:.4f}{'   best' * better}" if "loss" in row else "(not trained)"
    run.console.print(f"epoch {run.epoch:3}   P@1 {row['P@1']:.3f}   mAP {row['mAP']:.3f}   {result}")


def stopped_early(run: Run) -> bool:
    """Whether the last `patience` epochs were not better than the best one."""
    return 0 < run.config.patience <= run.epoch - run.best_epoch


# ------------------------------------------------------------------------------------------------------------ end


def finish(run: Run, parts: Sequence[str]) -> dict[str, Any]:
    """Evaluate the best epoch and the untrained network, write evaluation.json, print a table."""
    if run.board:
        run.board.close()
    result: dict[str, Any] = {"best_epoch": run.best_epoch}
    if run.group.first:
        tree: dict[str, Any] = {"best_epoch": run.best_epoch, "before": {}, "after": {}}
        best = run.out / "best.pt"
        before = Network(models.untrained(run.dml, run.config, run.data), run.network.device, run.network.dtype)
        checkpoints.load_model(run.network.extractor, checkpoints.read(best), best)
        for when, network in (("before", before), ("after", run.network)):
            for part in parts:
                tree[when][part] = measured(network, run.data, part, run.config)
                result[f"{part}_{when}"] = tree[when][part]["P@1"]
        write_whole(run.out / "evaluation.json", json.dumps(tree, indent=1, ensure_ascii=False) + "\n")
        run.console.print(table_of(result))
        run.console.print(f"weights of epoch {run.best_epoch}: {escape(str(best))}", soft_wrap=True)
    return distributed.broadcast(result, run.group)


def evaluate_checkpoint(dml: ModuleType, path: str | Path, part: str, overrides: dict[str, str]) -> dict[str, Any]:
    """Evaluate a checkpoint on the "val" or "test" part of the data that it was trained with.

    Args:
        dml: the imported file. overrides: settings that have changed since training, as text (root, cache …).

    Returns:
        The tree of `assignment.evaluation.metrics.evaluate`.
    """
    state = checkpoints.read(path)
    trained = checkpoints.config_of(state, path)
    typed = {name: from_text(name, text) for name, text in overrides.items()}
    config = replace(trained, **typed, weights="")  # the weights of the checkpoint are loaded instead
    torch.set_num_threads(config.threads or available_cores())
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    extractor = models.build(dml, config)
    checkpoints.load_model(extractor, state, path)
    network = Network(extractor, device, precision.choose(config, device))
    return measured(network, load(config), part, config)


def measured(network: Network, data: Data, part: str, config: Config) -> dict[str, Any]:
    """Return the tree of `assignment.evaluation.metrics.evaluate` for these settings."""
    return metrics.evaluate(network, data, part, network.device, mirror=config.mirror, seed=config.seed)


def table_of(result: dict[str, Any]) -> Table:
    """Make the table of P@1 before and after training."""
    table = Table("P@1", "before", f"epoch {result['best_epoch']}")
    for part, title in (("val", "validation"), ("test", "test")):
        if f"{part}_after" not in result:
            continue
        values = (result[f"{part}_{when}"] for when in ("before", "after"))
        table.add_row(title, *("–" if value is None else f"{value:.3f}" for value in values))
    return table
