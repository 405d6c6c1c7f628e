"""The model registry: from a name to files on this machine, or how to get them.

`catalogue.CHECKPOINTS` is the table. `find` gives the two files of a model, `list_models` says
what is where. A model lies in `cache_dir()/NAME`: `weights.*`, its digest `weights.sha256`, and
`config.yaml` if imported; `arrivals` brings them. Nothing here loads torch, nor looks into the
files: `vqclip.models.vqgan.open_vqgan` does.

Answered before torch is imported, so that a preset whose models are absent is refused at once,
with all that it lacks in one message: the VQGAN, and the perceptors that the catalogue knows.
About other perceptors only open_clip knows; `vqclip.models.clip.absent` asks it, and is handed
in.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256 as new_sha256
from pathlib import Path

from vqclip.errors import ModelAbsent, ModelError, suggest
from vqclip.models.zoo.catalogue import CHECKPOINTS, PERCEPTORS

WEIGHTS = (".safetensors", ".ckpt", ".pt", ".pth", ".bin")


HERE = Path(__file__).parents[1]  # vqclip/models/


STARTER = HERE / "starter"


@dataclass(frozen=True)
class ModelFiles:
    """The two files of a model on this machine."""

    config: Path
    weights: Path


@dataclass(frozen=True)
class ZooRow:
    """A row of `list_models`.

    Args:
        bytes: the size; approximate if the model is absent, None if unknown.
        where: "bundled", "cached" or "absent".
    """

    name: str
    kind: str
    bytes: int | None
    licence: str
    where: str
    about: str


def cache_dir() -> Path:
    """Give the folder of downloaded and imported models; it need not exist.

    $VQCLIP_HOME/models, else $XDG_CACHE_HOME/vqclip/models, else ~/.cache/vqclip/models.
    """
    home = os.environ.get("VQCLIP_HOME")
    if home:
        return Path(home).expanduser() / "models"
    # XDG says that a relative path there is to be ignored.
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return (cache if cache.is_absolute() else Path.home() / ".cache") / "vqclip" / "models"


def starter_clip() -> Path:
    """Give the folder of the bundled open_clip model (config and weights)."""
    return STARTER / "clip"


def starter_clips() -> dict[str, Path]:
    """Name the bundled CLIPs, and give the folder of each."""
    return {"starter": starter_clip(), "starter-second": STARTER / "second"}


def starter_prior() -> Path:
    """Give the folder of the bundled prior (config and weights)."""
    return STARTER / "prior"


def find_vqgan(name: str) -> ModelFiles:
    """Find the files of a model that is on this machine.

    Raises:
        ModelAbsent: if the model is known but not here.
        ModelError: if nothing is known by that name.
    """
    row = CHECKPOINTS.get(name)
    folder = place_of(name)
    if name == "starter":
        found = ModelFiles(STARTER / "vqgan.yaml", STARTER / "vqgan.safetensors")
        if not (found.config.is_file() and found.weights.is_file()):
            raise ModelAbsent(
                f"the starter model is not in {STARTER}; this installation is incomplete: "
                "install vqclip again"
            )
        return found
    weights = weights_in(folder)
    config = folder / "config.yaml"
    if row is not None and not config.is_file():
        config = HERE / row.config
    if weights is not None and config.is_file():
        return ModelFiles(config, weights)
    if row is None:
        names = sorted({*CHECKPOINTS, *_imported()})
        raise ModelError(
            f"no model is called {name!r}{suggest(name, names)} (one of: {', '.join(names)}); "
            "your own files come in by 'vqclip models import FILE --config YAML --name NAME'"
        )
    raise ModelAbsent(
        f"the model {name!r} is not on this machine ({readable(row.bytes)}); run "
        f"'vqclip models fetch {name}', or use the bundled one: --preset starter"
    )


def list_models() -> list[ZooRow]:
    """List the known and the imported models; bytes are exact for those that are here."""
    rows = []
    for name in [*CHECKPOINTS, *_imported()]:
        row = CHECKPOINTS.get(name)
        weights = (
            STARTER / "vqgan.safetensors" if name == "starter" else weights_in(place_of(name))
        )
        here = weights is not None and weights.is_file()
        size = None if row is None else row.bytes
        if weights is not None and here:
            size = weights.stat().st_size
        where = "absent" if not here else "bundled" if name == "starter" else "cached"
        if row is None:
            rows.append(ZooRow(name, "own", size, "yours to know", where, "imported"))
        else:
            rows.append(ZooRow(name, row.kind, size, row.licence, where, row.about))
    return rows


def sha256(path: Path) -> str:
    """Give the SHA-256 of a file, in hexadecimal, reading a mebibyte at a time."""
    digest = new_sha256()
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def readable(size: int | None) -> str:
    """Say a number of bytes as a person would.

    >>> readable(980_000_000), readable(4_260_000_000), readable(None)
    ('980 MB', '4.3 GB', 'size unknown')
    """
    if size is None:
        return "size unknown"
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}" if unit == 10**9 else f"{size / unit:.0f} {name}"
    return f"{size} bytes"


def place_of(name: str) -> Path:
    """Give a model's folder, once its name cannot lead out of the cache."""
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", name, re.ASCII):
        raise ModelError(
            f"{name!r} cannot be a model's name; use letters, digits, '_', '-' and '.', and "
            "begin with a letter or a digit"
        )
    return cache_dir() / name


def weights_in(folder: Path) -> Path | None:
    """Give the finished weights in a folder, if they are there."""
    found = sorted(folder.glob("weights.*"))
    return next((p for p in found if p.suffix not in (".part", ".sha256", ".from")), None)


def _imported() -> list[str]:
    """Name the models in the cache that the table does not know."""
    folders = sorted(cache_dir().glob("*/"))
    return [f.name for f in folders if f.name not in CHECKPOINTS and weights_in(f) is not None]


PERCEPTOR_WEIGHTS = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.bin",
)  # open_clip's order


@dataclass(frozen=True)
class MissingModel:
    """A model that is known but not on this machine. `bytes`: about, None if unknown."""

    name: str
    bytes: int | None

    @property
    def command(self) -> str:
        """What brings it here."""
        return f"vqclip models fetch {self.name}"


Look = Callable[[str], MissingModel | None]


def require_models(vqgan: str, perceptors: Sequence[str], look: Look = lambda name: None) -> None:
    """Refuse to go on without a model: raise one error that names all that are absent.

    Args:
        look: asked about the perceptors that the catalogue does not know.

    Raises:
        ModelAbsent: with the size of each absent model and the command that fetches it.
        ModelError: if there is no VQGAN of that name.
    """
    lacking = missing_models(vqgan, perceptors, look)
    if not lacking:
        return
    if [each.name for each in lacking] == [vqgan]:
        find_vqgan(vqgan)  # says it for one
    if len(lacking) == 1:
        name, size = lacking[0].name, readable(lacking[0].bytes)
        raise ModelAbsent(
            f"the perceptor {name!r} is not on this machine ({size}); run "
            f"'{lacking[0].command}', or use the bundled one: --preset starter"
        )
    lines = [f"\n  {each.command}  ({readable(each.bytes)})" for each in lacking]
    raise ModelAbsent(
        f"{len(lacking)} models are not on this machine; run{''.join(lines)}\n"
        "or use the bundled ones: --preset starter"
    )


def missing_models(
    vqgan: str, perceptors: Sequence[str], look: Look = lambda name: None
) -> list[MissingModel]:
    """List what a run lacks, the VQGAN first; see `require_models`.

    Raises:
        ModelError: if there is no VQGAN of that name, or the bundled models are incomplete.
    """
    lacking: list[MissingModel | None] = []
    try:
        find_vqgan(vqgan)
    except ModelAbsent:
        row = CHECKPOINTS[vqgan]
        if vqgan == "starter":  # nothing can be fetched
            raise
        lacking.append(MissingModel(vqgan, row.bytes))
    lacking += [_perceptor(name, look) for name in perceptors]
    return [each for each in lacking if each is not None]


def canonical_name(name: str) -> str:
    """Spell `model::weights` as open_clip does, which forgives what OpenAI and others write.

    >>> canonical_name("ViT-B/32::OpenAI")
    'ViT-B-32::openai'
    """
    model, _, tag = name.partition("::")
    return f"{model.replace('/', '-')}::{tag.lower().replace('-', '_')}"


def in_hub_cache(repository: str, files: Sequence[str] = PERCEPTOR_WEIGHTS) -> bool:
    """Whether Hugging Face's cache holds one of a repository's files; never asks the network."""
    from huggingface_hub import try_to_load_from_cache  # a quarter of a second

    return any(isinstance(try_to_load_from_cache(repository, file), str) for file in files)


def _perceptor(name: str, look: Look) -> MissingModel | None:
    """Tell whether a perceptor is absent."""
    bundled = starter_clips().get(name)
    if bundled is not None:
        if not any(bundled.glob("*.safetensors")):
            raise ModelAbsent(
                f"the perceptor {name} is not in {bundled}; this installation is incomplete: "
                "install vqclip again"
            )
        return None
    if os.path.isdir(Path(name).expanduser()):
        return None
    row = PERCEPTORS.get(canonical_name(name))
    if row is None:
        return look(name)
    return None if in_hub_cache(row.repository) else MissingModel(row.name, row.bytes)
