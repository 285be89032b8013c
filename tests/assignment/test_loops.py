"""Loops are found wherever they hide in the file, and loop-free code is never called a loop."""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path

import pytest

from assignment.checking.loops import find_loops

HEAD = "import functools, itertools\nimport numpy as np\nimport torch\nfrom torch import Tensor, nn\n"


def loops(source: str, name: str = "f") -> list[str]:
    return [what for _, what in find_loops(ast.parse(HEAD + textwrap.dedent(source)), name)]


LOOPS = {
    "for": "def f(x):\n for v in x: pass",
    "while": "def f(x):\n while x: x -= 1",
    "list comprehension": "def f(x): return [v for v in x]",
    "set comprehension": "def f(x): return {v for v in x}",
    "dict comprehension": "def f(x): return {v: 1 for v in x}",
    "generator": "def f(x): return sum(v for v in x)",
    "map": "def f(x): return list(map(abs, x))",
    "filter": "def f(x): return list(filter(None, x))",
    "helper": "def g(x):\n for v in x: pass\ndef f(x): return g(x)",
    "helper of a helper": "def h(x): return [v for v in x]\ndef g(x): return h(x)\ndef f(x): return g(x)",
    "nested function": "def f(x):\n def g(y): return [v for v in y]\n return g(x)",
    "lambda": "g = lambda x: [v for v in x]\ndef f(x): return g(x)",
    "the function is a lambda": "f = lambda x: [v for v in x]",
    "the function is an alias": "def g(x): return [v for v in x]\nf = g",
    "partial": "def g(p, x): return [v for v in x]\nf = functools.partial(g, 2)",
    "alias of map": "m = map\ndef f(x): return list(m(abs, x))",
    "local alias of map": "def f(x):\n m = map\n return list(m(abs, x))",
    "map as a default": "def f(x, m=map): return list(m(abs, x))",
    "map in a table": "table = {'m': map}\ndef f(x): return list(table['m'](abs, x))",
    "map put in a table": "table = {}\ntable['m'] = map\ndef f(x): return list(table['m'](abs, x))",
    "map in a tuple": "m, n = map, filter\ndef f(x): return list(m(abs, x))",
    "map by global": "def g():\n global m\n m = map\ndef f(x): return list(m(abs, x))",
    "map on an attribute": "def g(x): return x\ng.step = map\ndef f(x): return list(g.step(abs, x))",
    "builtins.map": "import builtins\ndef f(x): return list(builtins.map(abs, x))",
    "from builtins": "from builtins import map as m\ndef f(x): return list(m(abs, x))",
    "getattr": "def f(x): return getattr(torch, 'vmap')(abs)(x)",
    "getattr of a computed name": "def f(x): return getattr(torch, 'vm' + 'ap')(abs)(x)",
    "module dictionary": "def f(x): return torch.__dict__['vm' + 'ap'](abs)(x)",
    "reduce": "def f(x): return functools.reduce(max, x)",
    "reduce by alias": "from functools import reduce as r\ndef f(x): return r(max, x)",
    "reduce by alias of the module": "t = functools\ndef f(x): return t.reduce(max, x)",
    "reduce by star": "from functools import *\ndef f(x): return reduce(max, x)",
    "itertools": "def f(x): return list(itertools.starmap(pow, x))",
    "accumulate": "from itertools import accumulate\ndef f(x): return list(accumulate(x))",
    "vectorize": "def f(x): return np.vectorize(abs)(x)",
    "vectorize by alias": "from numpy import vectorize as v\ndef f(x): return v(abs)(x)",
    "vectorize imported inside": "def f(x):\n from numpy import vectorize as v\n return v(abs)(x)",
    "vectorize as decorator": "@np.vectorize\ndef f(x): return x",
    "vectorised helper": "g = np.vectorize(lambda x: x)\ndef f(x): return g(x)",
    "frompyfunc": "def f(x): return np.frompyfunc(abs, 1, 1)(x)",
    "apply_along_axis": "def f(x): return np.apply_along_axis(sum, 0, x)",
    "fromiter": "def f(x): return np.fromiter(x, float)",
    "piecewise": "def f(x): return np.piecewise(x, [x < 0], [abs])",
    "vmap": "def f(x): return torch.vmap(abs)(x)",
    "func.vmap": "def f(x): return torch.func.vmap(abs)(x)",
    "functorch": "from functorch import vmap\ndef f(x): return vmap(abs)(x)",
    "nested tensors": "def f(x): return torch.nested.nested_tensor(x)",
    "apply_": "def f(x): return x.apply_(abs)",
    "map_": "def f(x): return x.map_(x, max)",
    "apply of a container": "def f(x): return x.apply(abs)",
    "pool": "def f(x, pool): return pool.map(abs, x)",
    "sorted by key": "def f(x): return sorted(x, key=lambda v: -v)",
    "iter of a function": "def f(x): return list(iter(x.pop, None))",
    "metric": "from scipy.spatial.distance import cdist\ndef f(x): return cdist(x, x, lambda u, v: abs(u - v).sum())",
    "recursion": "def f(x): return f(x[1:]) if len(x) else 0",
    "mutual recursion": "def g(x): return f(x[1:])\ndef f(x): return g(x) if len(x) else 0",
    "recursion of a helper": "def g(x): return g(x[1:]) if len(x) else 0\ndef f(x): return g(x)",
    "recursive lambda": "def f(x):\n g = lambda y: g(y[1:]) if len(y) else 0\n return g(x)",
    "recursive module lambda": "f = lambda y: f(y[1:]) if len(y) else 0",
    "recursive method": "class A:\n def go(self, x): return self.go(x[1:]) if len(x) else 0\n"
    "def f(x): return A().go(x)",
    "method": "class A:\n def go(self, x): return [v for v in x]\ndef f(x): return A().go(x)",
    "static method of an instance": "class A:\n def go(self, x): return [v for v in x]\nt = A()\n"
    "def f(x): return t.go(x)",
    "__call__": "class A:\n def __call__(self, x): return [v for v in x]\ndef f(x): return A()(x)",
    "__init__": "class A:\n def __init__(self, x): self.v = [v for v in x]\ndef f(x): return A(x).v",
    "forward": "class A(nn.Module):\n def forward(self, x): return [v for v in x]\ndef f(x): return A()(x)",
    "method by getattr": "class A:\n def go(self, x): return [v for v in x]\ndef f(x): return getattr(A(), 'go')(x)",
    "autograd function": "class A(torch.autograd.Function):\n @staticmethod\n"
    " def forward(c, x): return [v for v in x]\n"
    "def f(x): return A.apply(x)",
    "decorator": "def deco(g):\n def inner(x): return [g(v) for v in x]\n return inner\n@deco\ndef f(x): return x",
    "factory": "def make():\n def inner(x): return [v for v in x]\n return inner\nf = make()",
    "eval": "def f(x): return eval('[v for v in x]')",
    "exec": "def f(x): exec('for v in x: pass')",
    "globals": "def g(x): return [v for v in x]\ndef f(x): return globals()['g'](x)",
    "conditional definition": "if torch:\n def f(x): return [v for v in x]\nelse:\n def f(x): return x",
    "the earlier definition is kept": "def f(x): return [v for v in x]\nold = f\ndef f(x): return old(x)",
    "loop under a condition": "def f(x):\n if len(x) > 3:\n  for v in x: pass\n return x",
    "async": "async def g(x):\n async for v in x: pass\ndef f(x): return g(x)",
    "walrus": "def f(x): return list((m := map)(abs, x))",
    "not there": "g = 1",
}

LOOP_FREE = {
    "broadcasting": "def f(a, b): return ((a[:, None] - b[None]) ** 2).sum(-1)",
    "einsum": "def f(a, b): return torch.einsum('id,jd->ij', a, b)",
    "cumsum": "def f(d, l, q):\n r = (l[torch.argsort(d)] == q).float()\n h = r.cumsum(0)\n"
    " return h / torch.arange(1, len(h) + 1)",
    "helper": "def g(x): return x.sum()\ndef f(x): return g(x) / x.numel()",
    "loop elsewhere": "def g(x): return [v for v in x]\ndef f(x): return x",
    "loop at import": "for i in range(3): pass\ndef f(x): return x",
    "a parameter named like a function": "def distances(a, b): return [v for v in a]\n"
    "def f(distances): return distances.sum()",
    "a variable named like a function": "def d(a): return [v for v in a]\ndef f(x):\n d = x.sum()\n return d",
    "a variable named map": "def f(x):\n map = x > 0\n return x * map",
    "a variable named filter": "def f(x):\n filter = x > 0\n return x[filter]",
    "a student's own map": "def map(x): return x.mean()\ndef f(x): return map(x)",
    "ufunc reduce": "def f(x): return np.add.reduce(x) + np.maximum.accumulate(x)",
    "einops": "from einops import reduce\ndef f(x): return reduce(x, 'a b -> a', 'sum')",
    "torch.compile": "@torch.compile\ndef f(x): return x",
    "no_grad": "@torch.no_grad()\ndef f(x):\n with torch.no_grad(): return x.sum()",
    "sorted": "def f(x): return sorted(x.tolist())",
    "metric by name": "from scipy.spatial.distance import cdist\ndef f(x): return cdist(x, x, 'sqeuclidean')",
    "cdist": "def f(a, b): return torch.cdist(a, b, 2).square()",
    "lambda": "def f(x):\n g = lambda v: v.relu()\n return g(x)",
    "lambda of the module": "g = lambda v: v.relu()\nh = lambda v: g(v) + g(-v)\ndef f(x): return h(x) + g(x)",
    "redefined": "def f(x): return [v for v in x]\ndef f(x): return x",
    "unused nested": "def f(x):\n def old(y): return [v for v in y]\n return x",
    "class": "class A(nn.Module):\n def forward(self, x): return x\n def other(self, x): return [v for v in x]\n"
    "def f(x): return A()(x)",
    "autograd function": "class A(torch.autograd.Function):\n @staticmethod\n def forward(c, x): return x\n"
    "def f(x): return A.apply(x)",
    "super": "class A(nn.Module):\n def __init__(self):\n  super().__init__()\n"
    " def forward(self, x): return x\ndef f(x): return A()(x)",
    "getattr of a device": "def f(x): return x.to(getattr(x, 'device'))",
    "annotations": "def f(x: Tensor, tau: float = 0.01) -> tuple[Tensor, Tensor]:\n y: Tensor = x\n return y, y",
    "docstring that speaks of loops": "def f(x):\n '''No for loop, no map.'''\n return x",
    "closure": "def f(x, tau):\n def s(d): return torch.sigmoid(d / tau)\n return s(x) + s(-x)",
    "constant": "EPS = 1e-12\ndef f(x): return x + EPS",
    "match": "def f(x):\n match x.dim():\n  case 1: return x\n  case n: return x.sum()",
}


@pytest.mark.parametrize("source", LOOPS.values(), ids=LOOPS.keys())
def test_a_loop_is_found(source):
    assert loops(source)


@pytest.mark.parametrize("source", LOOP_FREE.values(), ids=LOOP_FREE.keys())
def test_loop_free_code_is_left_alone(source):
    assert loops(source) == []


def test_line_and_kind():
    tree = ast.parse("def g(x):\n    return x\n\ndef f(x):\n    y = g(x)\n    for v in y:\n        pass\n")
    assert find_loops(tree, "f") == [(6, "for loop")]


@pytest.mark.parametrize("name", ["distances", "average_precision", "batch_triplet_loss", "smooth_ap_loss"])
def test_the_reference_is_loop_free(name):
    source = Path(__file__).parents[2].joinpath("solution", "dml.py").read_text(encoding="utf-8")
    assert find_loops(ast.parse(source), name) == []


def test_the_reference_has_loops_elsewhere():
    source = Path(__file__).parents[2].joinpath("solution", "dml.py").read_text(encoding="utf-8")
    assert "for loop" in [what for _, what in find_loops(ast.parse(source), "train")]


def test_a_function_under_an_older_name():
    tree = ast.parse("def dist(a, b):\n    return [a for a in b]")
    assert find_loops(tree, "distances", ["pairwise_distances", "dist"]) == [(2, "list comprehension")]
    assert find_loops(tree, "distances") == [(0, "no definition of `distances` that can be read")]


def test_a_deep_tree_is_no_problem():
    source = "def f(x):\n    return " + "+".join(["x"] * 900)
    assert find_loops(ast.parse(source), "f") == []
