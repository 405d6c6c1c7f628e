"""Checkpoint files that mean harm: programs, bombs, lies about sizes, and damage.

`corpus(folder)` writes them all and gives each one's path by its name. Every file that would run
something would leave a file called MARKER in the working folder.
"""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

MIB = 2**20
SHELL = b"touch MARKER"
WRITE = b"open('MARKER', 'w')"


def text(value: bytes) -> bytes:
    """A string, as an opcode."""
    return b"X" + struct.pack("<I", len(value)) + value


def number(value: int) -> bytes:
    """A whole number, as an opcode."""
    data = value.to_bytes(9, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data


def numbers(*values: int) -> bytes:
    """A tuple of whole numbers."""
    return b"(" + b"".join(number(value) for value in values) + b"t"


def call(name: bytes, *arguments: bytes) -> bytes:
    """A call of module.name."""
    module, _, name = name.rpartition(b".")
    return b"c" + module + b"\n" + name + b"\n(" + b"".join(arguments) + b"tR"


def storage(key: bytes, count: int, kind: bytes = b"torch\nFloatStorage\n") -> bytes:
    """A storage of the archive, as torch asks for it."""
    return (
        b"(" + text(b"storage") + b"c" + kind + text(key) + text(b"cpu") + number(count) + b"tQ"
    )


def tensor(held: bytes, offset: int, size: bytes, stride: bytes) -> bytes:
    """A tensor in a storage."""
    rest = size + stride + b"\x89" + b"ccollections\nOrderedDict\n)R"
    return call(b"torch._utils._rebuild_tensor_v2", held, number(offset), rest)


def program(value: bytes) -> bytes:
    """{"state_dict": value}, as a pickle."""
    return b"\x80\x02}" + text(b"state_dict") + value + b"s."


def archive(
    pickled: bytes, extra: dict[str, bytes] | None = None, packing: int = zipfile.ZIP_STORED
) -> bytes:
    """A torch archive with one storage of four floats, called 0."""
    data = {"x/data.pkl": pickled, "x/byteorder": b"little", "x/data/0": b"\0" * 16}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packing) as file:
        for name, content in [*data.items(), ("x/version", b"3\n"), *(extra or {}).items()]:
            file.writestr(name, content)
    return buffer.getvalue()


def plain(**content: Any) -> bytes:
    """A good archive, as torch writes it."""
    buffer = io.BytesIO()
    torch.save({"state_dict": {"a": torch.ones(64), **content}}, buffer)
    return buffer.getvalue()


def legacy(**content: Any) -> bytes:
    """The same in the format before torch 1.6."""
    buffer = io.BytesIO()
    torch.save({"a": torch.ones(64)}, buffer, _use_new_zipfile_serialization=False)
    return buffer.getvalue()


def nested(depth: int) -> bytes:
    """Tuples of tuples, each of them twice the last: 2**depth to hash."""
    return b")" + b"2\x86" * depth


def lying(file: bytes, name: bytes, claimed: int) -> bytes:
    """An archive of which both tables say that an entry is so long."""
    changed, size = bytearray(file), struct.pack("<I", claimed)
    for mark, sizes, names in ((b"PK\x01\x02", (20, 24), 46), (b"PK\x03\x04", (18, 22), 30)):
        start = -1
        while (start := file.find(mark, start + 1)) >= 0:
            if file[start + names : start + names + len(name)] == name:
                for place in sizes:
                    changed[start + place : start + place + 4] = size
    return bytes(changed)


def header(tensors: bytes, data: bytes = b"", length: int | None = None) -> bytes:
    """A .safetensors file with this header."""
    return struct.pack("<Q", len(tensors) if length is None else length) + tensors + data


def flipped(file: bytes, every: int) -> bytes:
    """A file of which bits are the other way round."""
    changed = bytearray(file)
    for place in range(every, len(file), every):
        changed[place] ^= 1 << (place % 8)
    return bytes(changed)


def _reduce(function: Callable[..., Any], *arguments: Any) -> bytes:
    class Asks:
        def __reduce__(self) -> Any:
            return function, arguments

    return pickle.dumps({"state_dict": Asks()}, protocol=2)


def programs() -> Iterator[tuple[str, bytes]]:
    """What would run something."""
    system = call(b"posix.system", text(SHELL))
    yield "os.system", archive(program(system))
    yield "os.system, by its public name", archive(program(call(b"os.system", text(SHELL))))
    yield "os.system, before torch 1.6", b"\x80\x02" + system + b"."
    yield "eval", archive(_reduce(eval, WRITE.decode()))
    yield "exec", archive(_reduce(exec, WRITE.decode()))
    yield "a nested reduce", archive(program(call(b"builtins.map", system, text(b"ab"))))
    module = call(b"builtins.__import__", text(b"os"))
    found = call(b"builtins.getattr", module, text(b"system"))
    yield "a chain of getattr", archive(program(found + b"(" + text(SHELL) + b"tR"))
    yield (
        "a dotted name",
        archive(program(b"\x8c\x05torch\x8c\x09os.system\x93(" + text(SHELL) + b"tR")),
    )
    yield "torch's own loader", archive(program(call(b"torch.load", text(b"MARKER"))))
    yield "torch.hub", archive(program(call(b"torch.hub.load", text(b"a/b"), text(b"c"))))
    yield "an old instance", archive(program(b"(" + text(SHELL) + b"iposix\nsystem\n"))
    yield (
        "an object of a class",
        archive(program(b"csubprocess\nPopen\n(" + text(SHELL) + b"t\x81")),
    )
    yield (
        "the memo's own name",
        archive(program(b"cposix\nsystem\nq\x010h\x01(" + text(SHELL) + b"tR")),
    )
    yield "a registered extension", archive(program(b"\x82\x01(" + text(SHELL) + b"tR"))
    yield (
        "state for a tensor",
        archive(
            program(tensor(storage(b"0", 4), 0, numbers(4), numbers(1)) + numbers(1, 2, 3) + b"b")
        ),
    )
    yield (
        "attributes for what rebuilds tensors",
        archive(program(b"ctorch._utils\n_rebuild_tensor_v2\n}" + text(b"x") + b"K\x01sb")),
    )
    yield (
        "a program in the file's tail",
        archive(b"N.", {"y/data.pkl": program(system), "x/code/a.py": b"import os"}),
    )


def bombs() -> Iterator[tuple[str, bytes]]:
    """What would exhaust memory, or time."""
    zeros = b"\0" * 64 * MIB
    yield "a zip bomb", archive(program(b"N"), {"x/data/1": zeros * 8}, zipfile.ZIP_DEFLATED)
    yield "a pickle that unpacks", archive(program(text(zeros)), None, zipfile.ZIP_DEFLATED)
    yield "a lot of lists", archive(program(b"]" * 2_000_000))
    yield "a lot of the same", archive(program(b"N" + b"2" * 4_000_000))
    yield "a place in the memo far away", archive(program(b"Nr" + struct.pack("<I", 2**31)))
    yield "a text that is not there", archive(b"\x80\x04\x8d" + struct.pack("<Q", 2**40) + b"a.")
    yield "bytes that are not there", archive(b"\x80\x04\x8e" + struct.pack("<Q", 2**36) + b"a.")
    yield "a frame that is not there", archive(b"\x80\x04\x95" + struct.pack("<Q", 2**40) + b"N.")
    yield "room for bytes", archive(program(call(b"builtins.bytearray", number(2**33))))
    yield "tuples to hash for years", archive(program(b"}" + nested(80) + b"Ns"))
    yield "a set of such", archive(program(b"\x8f(" + nested(80) + b"\x90"))
    yield "a number of many digits", archive(program(b"I" + b"9" * 400_000 + b"\n"))
    size, stride = numbers(2**20, 2**20), numbers(0, 0)
    yield "a tensor of one number", archive(program(tensor(storage(b"0", 4), 0, size, stride)))
    yield (
        "a tensor beyond its storage",
        archive(program(tensor(storage(b"0", 4), 0, numbers(2**31), numbers(1)))),
    )
    yield (
        "a storage beyond its file",
        archive(program(tensor(storage(b"0", 2**33), 0, numbers(2**33), numbers(1)))),
    )
    yield (
        "a storage beyond its file, before torch 1.6",
        legacy().replace(pickle.dumps(64, protocol=2)[2:4], b"J\xff\xff\xff\x7f"),
    )


def lies() -> Iterator[tuple[str, bytes]]:
    """What is not what it says."""
    four = storage(b"0", 4)
    yield "strides that leave it", archive(program(tensor(four, 0, numbers(2), numbers(9))))
    yield "a stride backwards", archive(program(tensor(four, 3, numbers(2), numbers(-1))))
    yield "an offset before it", archive(program(tensor(four, -4, numbers(2), numbers(1))))
    yield "more strides than sides", archive(program(tensor(four, 0, numbers(2), numbers(1, 1))))
    yield "a side below nothing", archive(program(tensor(four, 0, numbers(-1), numbers(1))))
    yield (
        "numbers twice as wide",
        archive(
            program(
                tensor(storage(b"0", 4, b"torch\nDoubleStorage\n"), 0, numbers(4), numbers(1))
            )
        ),
    )
    yield "a storage of nothing known", archive(program(storage(b"0", 4, b"torch\nfloat32\n")))
    yield "a storage that is not there", archive(program(storage(b"7", 4)))
    yield "a storage by a path", archive(program(storage(b"../../secret", 4)))
    yield "something else that persists", archive(program(text(b"the moon") + b"Q"))
    yield "a member that leads elsewhere", archive(program(b"N"), {"../../MARKER": b"x"})
    yield "a member from the root", archive(program(b"N"), {"/tmp/MARKER": b"x"})
    yield "a member on a drive", archive(program(b"N"), {"C:\\MARKER": b"x"})
    yield "a member that claims more", lying(archive(program(b"N")), b"x/data/0", 2**30)
    twice = io.BytesIO(archive(program(b"N")))
    with zipfile.ZipFile(twice, "a") as file:
        file.writestr("x/data.pk_", program(call(b"posix.system", text(SHELL))))
    yield "two programs of one name", twice.getvalue().replace(b"data.pk_", b"data.pkl")


def damage() -> Iterator[tuple[str, bytes]]:
    """What has been good."""
    good, old = plain(), legacy()
    yield "cut in the middle", good[: len(good) // 2]
    yield "cut at the end", good[:-30]
    yield "cut, before torch 1.6", old[: len(old) // 2]
    yield "without its program's end", archive(program(b"N")[:-1])
    yield "bits flipped", flipped(good, 97)
    yield "bits flipped, before torch 1.6", flipped(old, 61)


def safetensors() -> Iterator[tuple[str, bytes]]:
    """The other format's."""
    one = b'{"a":{"dtype":"F32","shape":[%s],"data_offsets":[0,%s]}}'
    yield "a header of a terabyte", header(one % (b"1", b"4"), b"\0" * 4, 2**40)
    yield "a shape beyond its data", header(one % (b"1099511627776", b"4"), b"\0" * 4)
    yield "data beyond its file", header(one % (b"1073741824", b"4294967296"), b"\0" * 4)
    yield "a shape that overflows", header(one % (b"4294967296,4294967296,4", b"4"), b"\0" * 4)
    yield (
        "an unknown kind of number",
        header((one % (b"1", b"4")).replace(b"F32", b"F99"), b"\0" * 4),
    )
    yield "a header that is no JSON", header(b"}{" * 20)
    yield "a header that never ends", header(b"[" * 200_000)
    yield "a file cut short", header(one % (b"64", b"256"), b"\0" * 100)


def corpus(folder: Path) -> dict[str, Path]:
    """Write all of them."""
    found = {}
    kinds = {".ckpt": (programs, bombs, lies, damage), ".safetensors": (safetensors,)}
    for suffix, writers in kinds.items():
        for writer in writers:
            for name, data in writer():
                path = folder / f"{len(found):02d}{suffix}"
                path.write_bytes(data)
                found[f"{writer.__name__}: {name}"] = path
    return found
