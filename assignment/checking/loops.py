"""Find the loops a function can reach in its own file, from the syntax tree alone: nothing is imported or run.

The search starts at the function, follows every name of the file that it loads (helpers, methods of classes, lambdas,
aliases such as `m = map`), and reports loops, comprehensions and everything that calls Python code once per element.
Loops that only running the code shows (a function given to itself as an argument, a loop inside a library) are found by
counting operations at two sizes, which is the other half of the check.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

Definition = (ast.FunctionDef, ast.AsyncFunctionDef)

STATEMENTS = {
    ast.For: "for loop",
    ast.AsyncFor: "for loop",
    ast.While: "while loop",
    ast.ListComp: "list comprehension",
    ast.SetComp: "set comprehension",
    ast.DictComp: "dict comprehension",
    ast.GeneratorExp: "generator expression",
}

# Builtins that call code per element, or that run code which is not in the tree.
BUILTINS = {"map", "filter", "eval", "exec", "compile", "globals", "locals", "vars", "__import__", "__builtins__"}

# Flagged as an attribute of any object: no tensor, array or module uses these names for anything else.
ATTRIBUTES = {
    *("vectorize", "frompyfunc", "apply_along_axis", "apply_over_axes", "fromiter", "piecewise"),  # numpy
    *("nditer", "ndenumerate", "ndindex"),
    *("vmap", "chunk_vmap", "apply_", "map_", "map2_", "nested_tensor", "as_nested_tensor"),  # torch
    *("while_loop", "fori_loop", "scan", "associative_scan", "CompilationUnit", "load_inline"),
    *("starmap", "imap", "imap_unordered", "map_async", "starmap_async"),  # multiprocessing
    *("iterrows", "itertuples", "applymap"),  # pandas
    *("settrace", "setprofile", "__dict__", "__globals__"),  # these could hide a loop from either check
}
CALLED_ATTRIBUTES = {"map", "apply"}  # pool.map(f, …), frame.apply(f); harmless unless called

# Flagged under their full names only: np.add.reduce, for example, is not functools.reduce.
PATHS = {"functools.reduce", *(f"builtins.{name}" for name in BUILTINS)}
PACKAGES = ("itertools", "importlib", "more_itertools")

KEYED = {"sorted", "min", "max", "sort"}  # key=f calls f per element
METRICS = {"cdist", "pdist", "pairwise_distances", "pairwise_kernels"}  # metric=f calls f per pair


@dataclass(frozen=True)
class Binding:
    """One assignment of a value to a name.

    Attributes:
        line: of the file. certain: whether it is a statement of the scope itself, not inside an `if`, `try` or loop.
        value: a definition, an expression, the dotted path of an import, or None if unknown (a parameter).
    """

    line: int
    value: ast.AST | str | None
    certain: bool = False


@dataclass(eq=False)
class Scope:
    """A function, lambda, class or module, and the names it binds."""

    node: ast.AST
    parent: Scope | None
    bindings: dict[str, list[Binding]] = field(default_factory=dict)

    def chain(self) -> Iterator[Scope]:
        """This scope and the enclosing ones in which Python looks up names; methods do not see their class's names."""
        yield self
        around = self.parent
        while around is not None:
            if not isinstance(around.node, ast.ClassDef):
                yield around
            around = around.parent


def find_loops(tree: ast.Module, name: str, aliases: Iterable[str] = ()) -> list[tuple[int, str]]:
    """Return (line, what) for every loop that the module-level `name` can reach in this file; empty if there is none.

    If the file does not bind `name`, the first alias that it binds is searched. If it binds none of them, the result is
    one entry with line 0: a function that cannot be read is not loop-free.

    Example:
        >>> find_loops(ast.parse("def f(x): return [v * 2 for v in x]"), "f")
        [(1, 'list comprehension')]
    """
    search = _Search(tree)
    search.run(next((known for known in (name, *aliases) if known in search.module.bindings), name))
    return sorted(search.found)


@lru_cache(maxsize=1)
def every_node(tree: ast.Module) -> list[ast.AST]:
    """The nodes of `ast.walk`."""
    found: list[ast.AST] = [tree]
    for node in found:  # it grows during the iteration
        found += children(node)
    return found


def children(node: ast.AST) -> list[ast.AST]:
    """The nodes of `ast.iter_child_nodes`, three times as fast."""
    found = []
    for value in vars(node).values():
        if isinstance(value, list):
            found += [part for part in value if isinstance(part, ast.AST)]
        elif isinstance(value, ast.AST) and not isinstance(value, ast.expr_context):
            found.append(value)
    return found


@lru_cache(maxsize=1)  # several names of one file are searched one after the other
def module_scope(tree: ast.Module) -> tuple[Scope, dict[str, list[ast.AST]]]:
    """The module's scope, and the values assigned to attributes anywhere: after `f.step = g`, `f.step` leads to g."""
    scope = Scope(tree, None, bound_names(tree))
    attributes: dict[str, list[ast.AST]] = {}
    functions, any_global = [], False
    for node in every_node(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Attribute):
                    attributes.setdefault(target.attr, []).append(node.value)
                elif isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):  # table["a"] = g
                    scope.bindings.setdefault(target.value.id, []).append(Binding(node.lineno, node.value))
        if isinstance(node, Definition):
            functions.append(node)
        any_global |= isinstance(node, ast.Global)
    for function in functions if any_global else ():  # what a function assigns to a global name may be its value
        declared = {name for node in own_nodes(function) if isinstance(node, ast.Global) for name in node.names}
        for name, values in (bound_names(function, keep_global=True) if declared else {}).items():
            if name in declared:
                scope.bindings.setdefault(name, []).extend(Binding(b.line, b.value) for b in values)
    return scope, attributes


class _Search:
    def __init__(self, tree: ast.Module) -> None:
        self.module, self.attribute_values = module_scope(tree)
        self.found: set[tuple[int, str]] = set()
        self.reached: set[int] = set()
        self.calls: dict[ast.AST, set[ast.AST]] = {}  # unit -> units whose names it loads; a cycle is a recursion
        self.classes: dict[ast.ClassDef, Scope] = {}
        self.attributes: set[str] = set()
        self.stack: list[tuple[ast.AST, Scope, ast.AST, int | None]] = []

    def run(self, name: str) -> None:
        start = self._visible(self.module, name, None)
        if not start:
            self.found.add((0, f"no definition of `{name}` that can be read"))
        self._reach(start, self.module, self.module.node)
        while self.stack:
            node, scope, unit, before = self.stack.pop()
            self._visit(node, scope, unit, before)
        for unit in self._recursive():
            self.found.add((getattr(unit, "lineno", 0), "recursion"))

    def _visible(self, scope: Scope, name: str, before: int | None) -> list[Binding]:
        """The bindings a name may have: from the last certain one on; at import time only those above the line."""
        found = sorted(scope.bindings.get(name, ()), key=lambda binding: binding.line)
        if before is not None and scope is self.module:
            found = [binding for binding in found if binding.line < before]
        if scope is self.module:
            last = max((i for i, binding in enumerate(found) if binding.certain), default=0)
            found = found[last:]
        return found

    def _resolve(self, name: str, scope: Scope, before: int | None) -> tuple[Scope | None, list[Binding]]:
        for candidate in scope.chain():
            if name in candidate.bindings and (found := self._visible(candidate, name, before)):
                return candidate, found
        return None, []

    def _reach(self, bindings: list[Binding], scope: Scope, unit: ast.AST) -> None:
        for binding in bindings:
            value = binding.value
            if isinstance(value, (*Definition, ast.ClassDef)):
                self._link(unit, value)
                self._open(value, scope)
            elif isinstance(value, ast.AST):
                for part in ast.walk(value):
                    if isinstance(part, ast.Lambda):
                        self._link(unit, part)
                if scope is self.module and id(value) not in self.reached:
                    self.reached.add(id(value))
                    self.stack.append((value, scope, value, binding.line))

    def _open(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, scope: Scope) -> None:
        if id(node) in self.reached:
            return
        self.reached.add(id(node))
        inner = Scope(node, scope, bound_names(node))
        if isinstance(node, ast.ClassDef):
            self.classes[node] = inner
            self.stack.extend((part, scope, node, None) for part in (*node.bases, *node.keywords))
            self.stack.extend((part, inner, node, None) for part in node.body if not isinstance(part, Definition))
            self._open_methods()
            return
        outside = [*node.decorator_list, *node.args.defaults, *(d for d in node.args.kw_defaults if d is not None)]
        self.stack.extend((part, scope, node, None) for part in outside)
        self.stack.extend((part, inner, node, None) for part in node.body)

    def _open_methods(self) -> None:
        for node, scope in list(self.classes.items()):
            for method in node.body:
                special = isinstance(method, Definition) and (method.name.startswith("__") or method.name == "forward")
                if isinstance(method, Definition) and (special or method.name in self.attributes):
                    self._open(method, scope)

    def _link(self, unit: ast.AST, target: ast.AST) -> None:
        self.calls.setdefault(unit, set()).add(target)

    def _visit(self, node: ast.AST, scope: Scope, unit: ast.AST, before: int | None) -> None:
        if type(node) in STATEMENTS:
            self._flag(node, STATEMENTS[type(node)])
        if isinstance(node, (*Definition, ast.ClassDef)):  # opened when its name is loaded
            return
        if isinstance(node, ast.Lambda):
            inner = Scope(node, scope, {argument: [Binding(node.lineno, None)] for argument in parameters(node)})
            if unit is not node:
                self._link(unit, node)
            defaults = [*node.args.defaults, *(d for d in node.args.kw_defaults if d is not None)]
            self.stack.extend((part, scope, unit, before) for part in defaults)
            self.stack.append((node.body, inner, node, None))
            return
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            self._name(node, scope, unit, before)
        elif isinstance(node, ast.Attribute):
            self._attribute(node, scope, unit, before)
        elif isinstance(node, ast.Call):
            self._call(node, scope, before)
        parts = [node.value, node.target] if isinstance(node, ast.AnnAssign) else children(node)
        self.stack.extend([(part, scope, unit, before) for part in parts if part is not None])

    def _flag(self, node: ast.AST, what: str) -> None:
        self.found.add((getattr(node, "lineno", 0), what))

    def _name(self, node: ast.Name, scope: Scope, unit: ast.AST, before: int | None) -> None:
        where, bindings = self._resolve(node.id, scope, before)
        if where is not None:
            self._check_paths(node, [b.value for b in bindings if isinstance(b.value, str)])
            self._reach(bindings, where, unit)
        elif node.id in BUILTINS or (not hasattr(builtins, node.id) and node.id in ATTRIBUTES | {"reduce"}):
            self._flag(node, f"`{node.id}`")  # ATTRIBUTES: through a star import

    def _attribute(self, node: ast.Attribute, scope: Scope, unit: ast.AST, before: int | None) -> None:
        if node.attr in ATTRIBUTES:
            self._flag(node, f"`{node.attr}`")
        self._check_paths(node, [path for path in [self._dotted(node, scope, before)] if path])
        self._load_attribute(node.attr)
        if isinstance(node.value, ast.Name):
            self._link_method(node, scope, unit)
        for value in self.attribute_values.get(node.attr, ()):
            self._reach([Binding(getattr(value, "lineno", 0), value)], self.module, unit)

    def _load_attribute(self, name: str) -> None:
        if name not in self.attributes:
            self.attributes.add(name)
            self._open_methods()

    def _link_method(self, node: ast.Attribute, scope: Scope, unit: ast.AST) -> None:
        base = node.value.id if isinstance(node.value, ast.Name) else ""
        own = next((s.node for s in _around(scope) if isinstance(s.node, ast.ClassDef)), None)
        _, bindings = self._resolve(base, scope, None)
        owners = [b.value for b in bindings if isinstance(b.value, ast.ClassDef)]
        owners += [own] if own is not None and base in ("self", "cls") else []
        for owner in owners:
            for method in owner.body:
                if isinstance(method, Definition) and method.name == node.attr:
                    self._link(unit, method)

    def _dotted(self, node: ast.AST, scope: Scope, before: int | None, depth: int = 0) -> str:
        """The full path of `np.add.reduce` or of an alias of it, if imports and assignments show it, else ""."""
        if depth > 8:
            return ""
        if isinstance(node, ast.Attribute):
            base = self._dotted(node.value, scope, before, depth + 1)
            return f"{base}.{node.attr}" if base else ""
        if isinstance(node, ast.Name):
            where, bindings = self._resolve(node.id, scope, before)
            for binding in bindings:
                if isinstance(binding.value, str):
                    return binding.value
                if isinstance(binding.value, (ast.Name, ast.Attribute)) and where is not None:
                    early = binding.line if where is self.module else None
                    return self._dotted(binding.value, where, early, depth + 1)
        return ""

    def _check_paths(self, node: ast.AST, paths: list[str]) -> None:
        for path in paths:
            last = path.rpartition(".")[2]
            if path in PATHS or last in ATTRIBUTES or path.split(".")[0] in PACKAGES:
                self._flag(node, f"`{last}`")

    def _call(self, node: ast.Call, scope: Scope, before: int | None) -> None:
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        keywords = {keyword.arg: keyword.value for keyword in node.keywords}
        on_class = isinstance(node.func, ast.Attribute) and self._is(node.func.value, scope, before, (ast.ClassDef,))
        if (
            isinstance(node.func, ast.Attribute) and name in CALLED_ATTRIBUTES and not on_class
        ):  # autograd's X.apply is one call
            self._flag(node, f"`{name}`")
        if name == "getattr" and len(node.args) > 1:
            if isinstance(node.args[1], ast.Constant) and isinstance(node.args[1].value, str):
                attribute = node.args[1].value
                if attribute in ATTRIBUTES | BUILTINS | {"reduce"}:
                    self._flag(node, f"`{attribute}`")
                self._load_attribute(attribute)
            else:
                self._flag(node, "`getattr` with a name that is computed")
        if name == "iter" and len(node.args) == 2:
            self._flag(node, "`iter` of a function")
        called_per_element = []
        if name in KEYED:
            called_per_element.append(keywords.get("key"))
        if name in METRICS:
            called_per_element.extend([keywords.get("metric"), *node.args[2:3]])
        for value in called_per_element:
            if value is not None and self._is(value, scope, before, (ast.Lambda, *Definition)):
                self._flag(node, f"`{name}` with a function that is called per element")

    def _is(self, node: ast.AST, scope: Scope, before: int | None, kinds: tuple[type[ast.AST], ...]) -> bool:
        if isinstance(node, ast.Name):
            return any(isinstance(binding.value, kinds) for binding in self._resolve(node.id, scope, before)[1])
        return isinstance(node, kinds)

    def _recursive(self) -> list[ast.AST]:
        """The units that can reach themselves."""
        found = []
        for unit in self.calls:
            seen: set[ast.AST] = set()
            queue = list(self.calls[unit])
            while queue:
                other = queue.pop()
                if other not in seen:
                    seen.add(other)
                    queue.extend(self.calls.get(other, ()))
            if unit in seen:
                found.append(unit)
        return found


def _around(scope: Scope) -> Iterator[Scope]:
    around: Scope | None = scope
    while around is not None:
        yield around
        around = around.parent


def parameters(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> list[str]:
    """The names of a function's parameters."""
    a = node.args
    extra = [argument for argument in (a.vararg, a.kwarg) if argument is not None]
    return [argument.arg for argument in (*a.posonlyargs, *a.args, *a.kwonlyargs, *extra)]


def own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a scope's own body: definitions inside it, but not their bodies."""
    stack = list(reversed(getattr(node, "body", [])))
    while stack:
        current = stack.pop()
        yield current
        if not isinstance(current, (*Definition, ast.ClassDef, ast.Lambda)):
            stack += children(current)


def bound_names(node: ast.AST, keep_global: bool = False) -> dict[str, list[Binding]]:
    """Every name that a module, class or function binds in its own body, with what it is bound to."""
    found: dict[str, list[Binding]] = {}
    elsewhere: set[str] = set()
    direct = {id(part) for part in getattr(node, "body", [])}

    def bind(name: str, value: ast.AST | str | None, at: ast.AST) -> None:
        found.setdefault(name, []).append(Binding(getattr(at, "lineno", 0), value, id(at) in direct))

    def bind_target(target: ast.AST, value: ast.AST | None, at: ast.AST) -> None:
        for part in ast.walk(target):
            if isinstance(part, ast.Name) and isinstance(part.ctx, (ast.Store, ast.Del)):
                bind(part.id, value, at)

    if isinstance(node, Definition):
        for argument in parameters(node):
            bind(argument, None, node)
    for part in own_nodes(node):
        if isinstance(part, (*Definition, ast.ClassDef)):
            bind(part.name, part, part)
        elif isinstance(part, ast.Assign):
            for target in part.targets:
                bind_target(target, part.value, part)
        elif isinstance(part, (ast.AnnAssign, ast.NamedExpr)) and part.value is not None:
            bind_target(part.target, part.value, part)
        elif isinstance(part, (ast.For, ast.AsyncFor, ast.comprehension)):
            bind_target(part.target, part.iter, part)
        elif isinstance(part, ast.withitem) and part.optional_vars is not None:
            bind_target(part.optional_vars, part.context_expr, part)
        elif isinstance(part, ast.Import):
            for alias in part.names:
                bind(
                    alias.asname or alias.name.split(".")[0],
                    alias.name if alias.asname else alias.name.split(".")[0],
                    part,
                )
        elif isinstance(part, ast.ImportFrom):
            for alias in part.names:
                bind(alias.asname or alias.name, f"{part.module or ''}.{alias.name}", part)
        elif isinstance(part, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and part.name:
            bind(part.name, None, part)
        elif isinstance(part, (ast.Global, ast.Nonlocal)):
            elsewhere.update(part.names)
    return found if keep_global else {name: values for name, values in found.items() if name not in elsewhere}
