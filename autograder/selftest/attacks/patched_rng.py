NAME = "patches the randomness"
KIND = "comparison"
WHY = "Makes every random number zero, so that all inputs would be known."

import random

import numpy as np

random.random = lambda: 0.0
np.random.default_rng = lambda *seed: np.random.Generator(np.random.PCG64(0))
np.random.seed = random.seed = lambda *seed: None
torch.rand = torch.randn = lambda *shape, **options: torch.zeros(*shape)
torch.randint = lambda *arguments, **options: torch.zeros((), dtype=torch.int64)
torch.default_generator = torch.Generator()


def at_call(task, *arguments):
    np.random.Generator.normal = None if False else at_call
