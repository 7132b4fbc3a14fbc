"""Reading a model: one regular file of bounded size, without weights in other files."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

MOST_MODEL_BYTES = 1 << 30


def read_regular_file(path: Path, *, most: int) -> bytes:
    """Return the bytes of a regular file, or of the target of a link to one.

    Raises OSError for anything else, such as a pipe or a device that never ends, and for more than `most` bytes.
    """
    # Non-blocking, because opening a pipe without a writer would never return.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(f"{path} is no regular file")
        if status.st_size > most:
            raise OSError(f"{path} has {status.st_size} bytes, at most {most} are expected")
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(f"{path} grew beyond {most} bytes")
    return content


def names_other_files(content: bytes) -> bool:
    """Whether an ONNX file keeps weights in other files, which its hash does not protect. False for any other file."""
    import onnx  # takes 70 ms, which a command that only gives out work need not wait for
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load_model_from_string(content)
    except DecodeError:
        return False  # the inference engine will report it
    graphs = [model.graph, *model.functions]
    return any(tensor.data_location == onnx.TensorProto.EXTERNAL for graph in graphs for tensor in _tensors(graph))


def _tensors(graph: onnx.GraphProto | onnx.FunctionProto) -> Iterator[onnx.TensorProto]:
    """Yield every tensor of a graph or function, and of the graphs inside its nodes."""
    if hasattr(graph, "initializer"):  # a function has none
        yield from graph.initializer
        for sparse in graph.sparse_initializer:
            yield from (sparse.values, sparse.indices)
    for node in graph.node:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                yield from (sparse.values, sparse.indices)
            for inner in (attribute.g, *attribute.graphs):
                if inner.node or inner.initializer:
                    yield from _tensors(inner)
