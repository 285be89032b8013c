"""The loop: mine, train, validate, keep the best epoch; for any `dml.py`, with the functions of that file.

The best epoch is chosen on the validation classes alone. The test classes are looked at once, at the end.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
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

from assignment.datasets.data import Data, QueryGallery
from assignment.evaluation import metrics, retrieval
from assignment.training import checkpoints, distributed, precision, runs, sampling, seeds
from assignment.training import model as models
from assignment.training.config import BALANCED, Config, from_text
from assignment.training.files import write_text
from assignment.training.precision import Network
from assignment.training.preparing import Run, load, prepare
from assignment.training.steps import INTACT, Diverged

DESCRIBED = 256  # images in a batch of validation


def train_run(
    dml: ModuleType,
    config: Config,
    out: str | Path,
    console: Console,
    resume: bool = False,
    data: Data | None = None,
    parts: Sequence[str] = ("val", "test"),
) -> dict[str, Any]:
    """Train with the functions of a file and write everything about it into a folder.

    Args:
        dml: the file, imported. config: the settings. out: the run's folder (see `assignment.training.runs`).
        console: where the epochs and the table at the end are printed. resume: go on with the run in `out`.
        data: the data set, if it is loaded already.
        parts: measured at the end; a run that settings are chosen by leaves the test classes alone.

    Returns:
        {"best_epoch", "val_before", "val_after", "test_before", "test_after"}: the epoch whose weights are kept (0 is
        the untrained network), and P@1, of the parts that were measured.

    Raises:
        ValueError, FileNotFoundError: whatever the user can put right, in one line; what was written before is intact.
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
                go_on(run)
            else:
                begin(run)
            while run.epoch < config.epochs and config.loss != "none" and not stopped_early(run):
                one_epoch(run)
            return finish(run, parts)
        except NotImplementedError as stub:
            raise ValueError(f"still to do: {stub}") from None


def begin(run: Run) -> None:
    """Write the settings down and measure the untrained network, the first candidate for the best."""
    seeds.seed_all(run.config.seed)
    if run.group.first:
        runs.begin(run.out, run.config, str(run.dml.__file__))
        runs.write_history(run.out, [])
        run.board = runs.Board(run.out)
    keep(run, {"epoch": 0, **validate(run)})


def go_on(run: Run) -> None:
    """Put a run back to where its last.pt left it."""
    path = run.out / "last.pt"
    state = checkpoints.read(path)
    checkpoints.load_model(run.network.extractor, state, path)
    try:
        if run.steps.head is not None:
            run.steps.head.load_state_dict(state["head"])
        run.optimizer.load_state_dict(state["optimizer"])
        run.steps.plateau.restore(state["scheduler"])
        run.network.scale = state["scale"]
        run.history, run.epoch = state["history"], state["epoch"]
        run.best_epoch, run.best = state["best_epoch"], state["best"]
        seeds.restore(state["generators"])
    except (KeyError, TypeError, ValueError, RuntimeError) as problem:
        raise ValueError(f"checkpoint {path}: not one that a run can go on from ({type(problem).__name__})") from None
    if run.group.first:
        runs.go_on(run.out, run.config, run.history)
        run.board = runs.Board(run.out)
    run.console.print(f"resumed after epoch {run.epoch}")
    if runs.changed_since(runs.read_versions(run.out), str(run.dml.__file__)):
        run.console.print(f"{Path(str(run.dml.__file__)).name} has changed since: this run is not of one file")


# --------------------------------------------------------------------------------------------------------- epochs


def one_epoch(run: Run) -> None:
    """Mine, train, validate, write."""
    epoch = run.epoch + 1
    started = time.perf_counter()
    distributed.same_draws(run.group)
    if run.triplets is not None:
        mine(run)
    mined = time.perf_counter()
    if run.config.dropout and not run.group.first:
        torch.manual_seed(torch.initial_seed() + run.group.rank)  # another mask for other images
    generator = torch.Generator().manual_seed(run.config.seed + 1_000_003 * epoch)
    batches = plan(run, generator)
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

        def watch(number: int) -> None:
            run.steps.batch = number
            bar.update(number - 1 - bar.n)

        loader = Watched(
            dataset,
            watch,
            batch_sampler=shares,
            num_workers=run.workers,
            # A new loader each epoch: its workers are forked after the mining and see it, whatever `hardneg` is.
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
    row: dict[str, float] = {"epoch": epoch, "lr": run.optimizer.param_groups[0]["lr"], "loss": loss}
    row |= {"gradient": run.steps.mean_gradient(), "mine_s": mined - started, "train_s": trained - mined}
    row |= validate(run)
    keep(run, row | {"validate_s": time.perf_counter() - trained})


def mine(run: Run) -> None:
    """Fill `hardneg`, with the network's nearest negatives or with random ones."""
    if run.config.negatives == "random":
        sampling.fill_negatives(run.triplets, sampling.random_negatives(np.asarray(run.data.train.labels)))
        return
    with torch.no_grad():
        run.triplets.minehard(run.network)


def plan(run: Run, generator: torch.Generator) -> list[sampling.Batch]:
    """The batches of an epoch."""
    config, labels = run.config, np.asarray(run.data.train.labels)
    if config.loss == "triplet":
        return sampling.plain(sampling.with_positive(labels), config.batch_size, generator)
    if config.loss == "contrastive":
        return sampling.pairs(labels, config.batch_size, generator)
    if config.loss in BALANCED:
        return sampling.balanced(labels, config.batch_size, config.per_class, generator)
    return sampling.plain(range(len(labels)), config.batch_size, generator)


class Watched(DataLoader):
    """A loader that says which batch, from 1, it hands out next."""

    def __init__(self, dataset: Any, watch: Callable[[int], None], **options: Any) -> None:
        self.watch = watch
        super().__init__(dataset, **options)

    def __iter__(self) -> Any:
        for number, batch in enumerate(super().__iter__(), start=1):
            self.watch(number)
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
    """P@1 and mAP on the validation classes; computed by the first process, known to all."""
    figures = None
    if run.group.first:
        figures = quick_metrics(run.network, run.data.val, run.network.device, run.config.mirror)
    told = distributed.tell(figures, run.group)
    if told is None:
        raise ValueError("the first process has not said what it measured")
    return told


@torch.inference_mode()
def quick_metrics(
    network: nn.Module, query_gallery: QueryGallery, device: torch.device, mirror: bool = False
) -> dict[str, float]:
    """P@1 and mAP alone, which an epoch is judged by."""
    queries, gallery = metrics.describe_both(network, query_gallery, device, batch_size=DESCRIBED, mirror=mirror)
    found = retrieval.query_metrics(
        queries, query_gallery.queries.labels, gallery, query_gallery.gallery.labels, query_gallery.self_index, (1,)
    )
    if not len(found.scored):
        raise ValueError("no validation image has another one of its class: no epoch can be chosen; take more images")
    return {"P@1": float(found.first.mean()), "mAP": float(found.average_precision.mean())}


def keep(run: Run, row: dict[str, float]) -> None:
    """Take note of an epoch: is it the best, write checkpoints and logs, print its line."""
    run.epoch = int(row["epoch"])
    monitor = row[run.config.monitor]
    run.steps.plateau.see(monitor)
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
            "scheduler": run.steps.plateau.state(),
            "scale": run.network.scale,
            "history": run.history,
            "best_epoch": run.best_epoch,
            "best": run.best,
            "generators": seeds.states(),
        }
        checkpoints.save({**state, **more}, run.out / "last.pt")
        runs.append_history(run.out, row)
        if run.board:
            run.board.add(row)
    words = f"loss {row['loss']:.4f}{'   best' * better}" if "loss" in row else "(not trained)"
    run.console.print(f"epoch {run.epoch:3}   P@1 {row['P@1']:.3f}   mAP {row['mAP']:.3f}   {words}")


def stopped_early(run: Run) -> bool:
    """Whether the validation classes have waited long enough for a better epoch."""
    waited = run.epoch - run.best_epoch
    return bool(run.config.patience) and waited >= run.config.patience


# ------------------------------------------------------------------------------------------------------------ end


def finish(run: Run, parts: Sequence[str]) -> dict[str, Any]:
    """Measure the best epoch and the untrained network, write evaluation.json, print a small table."""
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
        write_text(run.out / "evaluation.json", json.dumps(tree, indent=1, ensure_ascii=False) + "\n")
        run.console.print(table_of(result))
        run.console.print(f"weights of epoch {run.best_epoch}: {escape(str(best))}", soft_wrap=True)
    return distributed.tell(result, run.group)


def evaluate_checkpoint(dml: ModuleType, path: str | Path, part: str, overrides: dict[str, str]) -> dict[str, Any]:
    """Measure a checkpoint on the "val" or "test" part of the data it was trained with.

    Args:
        dml: the file, imported. overrides: settings that are other than when it was trained, as typed (root, cache …).

    Returns:
        The tree of `assignment.evaluation.metrics.evaluate`.
    """
    state = checkpoints.read(path)
    trained = checkpoints.config_of(state, path)
    typed = {name: from_text(name, text) for name, text in overrides.items()}
    config = replace(trained, **typed, weights="")  # the checkpoint's own weights are loaded instead
    torch.set_num_threads(config.threads or runs.cores())
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    extractor = models.build(dml, config)
    checkpoints.load_model(extractor, state, path)
    network = Network(extractor, device, precision.choose(config, device))
    return measured(network, load(config), part, config)


def measured(network: Network, data: Data, part: str, config: Config) -> dict[str, Any]:
    """The tree of `assignment.evaluation.metrics.evaluate`, as the settings ask for it."""
    return metrics.evaluate(network, data, part, network.device, mirror=config.mirror, seed=config.seed)


def table_of(result: dict[str, Any]) -> Table:
    """P@1 before and after."""
    table = Table("P@1", "before", f"epoch {result['best_epoch']}")
    for part, words in (("val", "validation"), ("test", "test")):
        if f"{part}_after" not in result:
            continue
        values = (result[f"{part}_{when}"] for when in ("before", "after"))
        table.add_row(words, *("–" if value is None else f"{value:.3f}" for value in values))
    return table
