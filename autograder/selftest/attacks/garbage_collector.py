NAME = "asks the garbage collector"
KIND = "reading"
WHY = "Looks through every live object for expected values, requests and test functions."

import gc
import types


def seen():
    for thing in gc.get_objects():
        try:
            if isinstance(thing, types.ModuleType) and ("hidden" in thing.__name__ or "oracle" in thing.__name__):
                yield thing
            elif isinstance(thing, types.FunctionType) and "hidden_tests" in thing.__code__.co_filename:
                yield thing
            elif isinstance(thing, dict) and "expected" in thing and "called" in thing:
                yield thing["expected"]
        except Exception:
            continue


def distances(a, b):
    for thing in seen():
        if hasattr(thing, "distances"):
            return torch.as_tensor(thing.distances(a.numpy(), b.numpy()))
        if hasattr(thing, "shape"):
            return torch.as_tensor(thing)
    return torch.full((len(a), len(b) + 1), -1.0)
