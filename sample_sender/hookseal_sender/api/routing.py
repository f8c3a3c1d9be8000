"""Which operation a request is for.

Knows methods and paths: a tree by the parts of a path, so that finding one costs the same however
many there are. Must not know what operations do.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hookseal_sender.api.fields import InputInvalid, fault
from hookseal_sender.api.names import is_name, name_rule
from hookseal_sender.errors import NotFound, SenderError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hookseal_sender.api.registry import Operation

__all__ = ["MethodNotAllowed", "Routes"]


class MethodNotAllowed(SenderError):
    """The path exists, but not with this method; ``allowed`` are those it has."""

    code = "method_not_allowed"
    status_hint = 405

    def __init__(self, method: str, allowed: Iterable[str]) -> None:
        self.allowed = ", ".join(sorted(allowed))
        super().__init__(f"{method} is not possible here; use {self.allowed}")


@dataclass(slots=True)
class _Node:
    """A place in the tree. ``any`` is where any name leads, ``name`` what it is called."""

    parts: dict[str, _Node] = field(default_factory=dict["str", "_Node"])
    any: _Node | None = None
    name: str = ""
    methods: dict[str, Operation] = field(default_factory=dict["str", "Operation"])


class Routes:
    """Finds among ``operations``. HEAD is answered wherever GET is."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._root = _Node()
        for operation in operations:
            node = self._place(operation.path)
            node.methods[operation.method] = operation
            if operation.method == "GET":
                node.methods.setdefault("HEAD", operation)

    def find(self, method: str, path: str) -> tuple[Operation, dict[str, str]]:
        """Return the operation and the named parts of ``path``; a slash at its end is ignored.

        Raises NotFound, MethodNotAllowed, and InputInvalid for a name that nothing can have.
        """
        node, named = self._walk(path)
        operation = node.methods.get(method)
        if operation is None:
            raise MethodNotAllowed(method[:20], node.methods)
        for name, part in named.items():
            if not is_name(part):
                raise _bad_name(operation, name)
        return operation, named

    def _walk(self, path: str) -> tuple[_Node, dict[str, str]]:
        node, named = self._root, dict[str, str]()
        for part in path.rstrip("/").split("/")[1:]:
            step = node.parts.get(part)
            if step is None:
                step = node.any
                if step is None:
                    raise NotFound("there is nothing at this path")
                named[step.name] = part
            node = step
        if not node.methods:
            raise NotFound("there is nothing at this path")
        return node, named

    def _place(self, path: str) -> _Node:
        node = self._root
        for part in path.split("/")[1:]:
            if not part.startswith("{"):
                node = node.parts.setdefault(part, _Node())
                continue
            if node.any is None:
                node.any = _Node(name=part.strip("{}"))
            node = node.any
        return node


def _bad_name(operation: Operation, name: str) -> Exception:
    """Return NotFound where a thing is looked for, what is wrong where it would be made."""
    if operation.method == "PUT":
        return InputInvalid([fault(("path", name), name_rule())])
    return NotFound("nothing has this identifier")
