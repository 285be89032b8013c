"""The loop: mine, train, validate, keep the best epoch; for any `dml.py`, with the functions of that file.

The best epoch is chosen on the validation classes alone. The test classes are looked at once, at the end.
"""

from __future__ import annotations

import json
import math
import multiprocessing
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from assignment import (
    checkpoints,
    datasets,
    distributed,
    evaluation,
    objectives,
    precision,
    retrieval,
    runs,
    sampling,
    schedules,
    seeds,
)
from assignment import model as models
from assignment.config import BALANCED, Config, from_text
from assignment.datasets.data import Asking, Data, check
from assignment.distributed import Group
from assignment.files import write_text
from assignment.precision import Network

DESCRIBED = 256  # images in a batch of validation


class Diverged(ValueError):
    """The loss or a gradient is not finite; the message says in which epoch and batch."""


def train_run(
    dml: ModuleType,
    config: Config,
    out: str | Path,
    console: Console,
    resume: bool = False,
    data: Data | None = None,
) -> dict[str, Any]:
    """Train with the functions of a file and write everything about it into a folder.

    Args:
        dml: the file, imported. config: the settings. out: the run's folder (see `assignment.runs`).
        console: where the epochs and the table at the end are printed. resume: go on with the run in `out`.
        data: the data set, if it is loaded already.

    Returns:
        {"best_epoch", "val_before", "val_after", "test_before", "test_after"}: the epoch whose weights are kept (0 is
        the untrained network), and P@1.

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
            return finish(run)
        except NotImplementedError as stub:
            raise ValueError(f"still to do: {stub}") from None


@dataclass
class Run:
    """What a run knows at any time.

    Attributes:
        epoch: the last one that is done. best_epoch, best: the one whose weights are in best.pt, and its monitor.
        triplets: the file's `CUBtriplet`, where the loss is the mined triplet loss. objective: any other loss.
        history: the rows of history.csv.
    """

    dml: ModuleType
    config: Config
    out: Path
    console: Console
    group: Group
    data: Data
    network: Network
    optimizer: torch.optim.Optimizer
    steps: Steps
    workers: int
    triplets: Any = None
    objective: objectives.Objective | None = None
    epoch: int = 0
    best_epoch: int = 0
    best: float = -math.inf
    history: list[dict[str, float]] = field(default_factory=list)
    board: runs.Board | None = None


# ------------------------------------------------------------------------------------------------------ beginning


def prepare(
    dml: ModuleType, config: Config, out: Path, console: Console, group: Group, data: Data | None = None
) -> Run:
    """Load the data and build everything a run needs; nothing is written, so that an error leaves nothing behind."""
    torch.set_num_threads(config.threads or max(1, runs.cores() // group.size))
    device = torch.device("cuda", group.local_rank) if torch.cuda.is_available() else torch.device("cpu")
    dtype = precision.choose(config, device)
    if group.size > 1 and config.batchnorm == "train":
        raise ValueError("batchnorm = train needs whole batches in one process; use frozen with torchrun")
    data = check(load(config) if data is None else data)
    labels = np.asarray(data.train.labels)
    for line in describe_data(data, config):
        console.print(escape(line), soft_wrap=True)
    workers, note = count_workers(config.workers, group)
    if note:
        console.print(note, soft_wrap=True)
    if config.loss != "none" and config.batch_size > len(labels):
        raise ValueError(
            f"batch_size = {config.batch_size} is more than the {len(labels)} training images; use that or less"
        )
    network = Network(models.untrained(dml, config, data), device, dtype)
    distributed.same_start(network, group)
    console.print(f"{config.backbone}, {config.pooling}, loss {config.loss}, {device.type}, {dtype or 'float32'}")

    triplets = objective = None
    if config.loss == "triplet":
        models.named(dml, "train"), models.named(dml, "triplet_loss")  # said now, not after the first mining
        triplets = models.named(dml, "CUBtriplet")(data.train, data.augment if config.augment else None)
    elif config.loss != "none":
        seeds.seed_all(config.seed)
        dim = config.reduction or network(data.train[0][None]).shape[1]
        objective = objectives.make(dml, config, dim, torch.from_numpy(np.unique(labels)))
        if objective.head is not None:
            objective.head.to(device)
    head = objective.head if objective else None
    optimizer = make_optimizer(config, network, head)
    steps = Steps(config, network, head, optimizer, group)
    optimizer.register_step_pre_hook(lambda *_: steps.before())
    return Run(dml, config, out, console, group, data, network, optimizer, steps, workers, triplets, objective)


def load(config: Config) -> Data:
    """Read the data set that the settings ask for."""
    return datasets.load(
        config.data,
        config.root or None,
        protocol=config.protocol,
        images_per_class=config.images_per_class,
        size=config.size,
        cache=config.cache or None,
        on_corrupt=config.on_corrupt,
    )


def describe_data(data: Data, config: Config) -> Iterator[str]:
    """What the user should know about the data, a line each."""
    if data.note:
        yield data.note
    parts = (("training", data.train), ("validation", data.val.queries), ("test", data.test.queries))
    yield ", ".join(f"{name} {len(each)} images of {len(np.unique(each.labels))} classes" for name, each in parts)
    counts = np.unique(data.train.labels, return_counts=True)[1]
    if (counts == 1).any() and config.loss != "none":
        yield f"{(counts == 1).sum()} training classes have one image: it has no positive and is no anchor"
    if config.images_per_class and (counts < config.images_per_class).any():
        few = int((counts < config.images_per_class).sum())
        yield f"{few} training classes have fewer than {config.images_per_class} images (the least {counts.min()})"


def count_workers(asked: int, group: Group) -> tuple[int, str]:
    """How many loader processes to start, and a note where that is not what was asked for."""
    most = max(0, runs.cores() // group.size)
    if asked and "fork" not in multiprocessing.get_all_start_methods():
        return 0, f"workers = {asked}: this system cannot fork processes; images are loaded in the main process"
    if asked > most:
        return most, f"workers = {asked}: there are {most} cores for them; {most} workers are started"
    return asked, ""


def make_optimizer(config: Config, network: nn.Module, head: nn.Module | None) -> torch.optim.Optimizer:
    """The optimiser over the extractor's parameters and the head's, each group at its own first rate."""
    groups: list[dict[str, Any]] = [{"params": [p for p in network.parameters() if p.requires_grad], "lr": config.lr}]
    if head is not None:
        groups.append({"params": list(head.parameters()), "lr": config.head_lr or config.lr})
    for group in groups:
        group["initial_lr"] = group["lr"]
    if config.optimizer == "sgd":
        return torch.optim.SGD(groups, config.lr, config.momentum, weight_decay=config.weight_decay)
    kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
    return kind(groups, config.lr, weight_decay=config.weight_decay)


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
        runs.write_history(run.out, run.history)  # the killed run may have written a row more
        run.board = runs.Board(run.out)
    run.console.print(f"resumed after epoch {run.epoch}")


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


INTACT = "best.pt and last.pt of the epochs before are intact"


class Steps:
    """What is done before each step of the optimiser, whoever takes it: the file's `train` or the loop here.

    Gradients of several processes are added, those of float16 are divided by their factor, a gradient that is not
    finite stops the run, a long one is clipped, and the schedule's rate is set.

    Attributes:
        batch: the one at work, from 1. plateau: the state of that schedule.
    """

    def __init__(
        self,
        config: Config,
        network: Network,
        head: nn.Module | None,
        optimizer: torch.optim.Optimizer,
        group: Group,
    ) -> None:
        self.config, self.network, self.head, self.optimizer, self.group = config, network, head, optimizer, group
        self.parameters = [p for each in optimizer.param_groups for p in each["params"]]
        self.plateau = schedules.Plateau(config)
        self.epoch, self.batch = 0, 0
        self.batches: list[sampling.Batch] = []
        self.norms: list[Tensor] = []

    def begin(self, epoch: int, batches: list[sampling.Batch]) -> None:
        """Get ready for the batches of an epoch."""
        self.epoch, self.batch, self.batches, self.norms = epoch, 0, batches, []

    def counted(self) -> int:
        """How many of this process's items of the batch count."""
        return distributed.share(self.batches[self.batch - 1], self.group)[1]

    def before(self) -> None:
        """Make the gradients ready for a step, and set its rate."""
        batch = max(self.batch, 1)
        rate = schedules.factor(self.config, self.epoch - 1, batch - 1, len(self.batches)) * self.plateau.factor
        schedules.set_rates(self.optimizer, rate)
        # The file's own `train` takes the mean over its share of the batch; a batch objective sees the whole batch in
        # every process, but only its own rows carry a gradient to the extractor.
        weight = self.counted() / len(self.batches[batch - 1]) if self.config.loss == "triplet" else 1.0
        distributed.add_gradients(self.network, weight, self.group)
        if self.head is not None:
            distributed.add_gradients(self.head, 1 / self.group.size, self.group)
        if self.network.scale != 1:
            for parameter in self.network.parameters():
                if parameter.grad is not None:
                    parameter.grad /= self.network.scale
        norm = nn.utils.clip_grad_norm_(self.parameters, self.config.clip or math.inf)
        if torch.isfinite(norm):
            self.norms.append(norm.detach())
        elif self.network.scale > 1:  # float16 overflowed: leave this step out and go on with a smaller factor
            self.network.scale /= 2
            self.optimizer.zero_grad()
        else:
            raise self.diverged("a gradient is not finite")

    def diverged(self, what: str) -> Diverged:
        """The error that says where it happened."""
        return Diverged(f"epoch {self.epoch}, batch {self.batch}: {what}; lower lr or set clip. {INTACT}")

    def mean_gradient(self) -> float:
        """Mean length of the epoch's gradients, before they were clipped."""
        return torch.stack(self.norms).mean().item() if self.norms else 0.0


# ----------------------------------------------------------------------------------------- validating and keeping


def validate(run: Run) -> dict[str, float]:
    """P@1 and mAP on the validation classes; computed by the first process, known to all."""
    figures = quick_figures(run.network, run.data.val, run.network.device) if run.group.first else None
    told = distributed.tell(figures, run.group)
    if told is None:
        raise ValueError("the first process has not said what it measured")
    return told


@torch.inference_mode()
def quick_figures(network: nn.Module, asking: Asking, device: torch.device) -> dict[str, float]:
    """P@1 and mAP alone, which an epoch is judged by."""
    gallery = evaluation.describe(network, asking.gallery, device, DESCRIBED)
    if asking.own is None:
        queries = evaluation.describe(network, asking.queries, device, DESCRIBED)
    else:
        queries = gallery[torch.as_tensor(asking.own)]
    found = retrieval.figures(queries, asking.queries.labels, gallery, asking.gallery.labels, asking.own, (1,))
    if not len(found.asked):
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


def finish(run: Run) -> dict[str, Any]:
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
            for part in ("val", "test"):
                tree[when][part] = evaluation.evaluate(network, run.data, part, network.device, seed=run.config.seed)
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
        The tree of `assignment.evaluation.evaluate`.
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
    return evaluation.evaluate(network, load(config), part, device, seed=config.seed)


def table_of(result: dict[str, Any]) -> Table:
    """P@1 before and after."""
    table = Table("P@1", "before", f"epoch {result['best_epoch']}")
    for part, words in (("val", "validation"), ("test", "test")):
        values = (result[f"{part}_{when}"] for when in ("before", "after"))
        table.add_row(words, *("–" if value is None else f"{value:.3f}" for value in values))
    return table
