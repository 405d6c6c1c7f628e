"""The model registry: from a name to files on this machine, or how to get them.

`vqclip.models.zoo.catalogue` lists the published models. `find_vqgan` returns the two files of a
VQGAN, `find_weights` the one that every model has, `list_models` all models and where they are. A
model is a folder `cache_dir()/NAME` with `weights.*`, its digest `weights.sha256`, and
`config.yaml` if imported;
`vqclip.models.zoo.download` fetches and imports them. Nothing here imports torch or opens the
files, which `vqclip.models.vqgan.open_vqgan` does.

So a preset whose models are absent is refused at once, with all of them in one message
(`require_models`): the VQGAN, the perceptors of the catalogue, the aesthetic head. Only open_clip
knows other perceptors; the caller passes `vqclip.models.clip.is_absent`, which asks it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256 as new_sha256
from pathlib import Path

from vqclip.errors import ModelAbsent, ModelError, find_nearest, suggest
from vqclip.models.zoo.catalogue import (
    CHECKPOINTS,
    HEADS,
    PERCEPTORS,
    Checkpoint,
    find_published,
)
from vqclip.models.zoo.import_hint import explain_path

MODELS_FOLDER = Path(__file__).parents[1]  # vqclip/models/
STARTER_FOLDER = MODELS_FOLDER / "starter"
JUDGE = "starter-second"  # the bundled CLIP that judges pictures of runs without it


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
    """The folder of downloaded and imported models; it need not exist.

    $VQCLIP_HOME/models, else $XDG_CACHE_HOME/vqclip/models, else ~/.cache/vqclip/models.
    """
    home = os.environ.get("VQCLIP_HOME")
    if home:
        return Path(home).expanduser() / "models"
    # By the XDG specification, a relative path is ignored.
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return (cache if cache.is_absolute() else Path.home() / ".cache") / "vqclip" / "models"


def starter_clip() -> Path:
    """The folder of the bundled CLIP `starter`, in open_clip's format."""
    return STARTER_FOLDER / "clip"


def starter_clips() -> dict[str, Path]:
    """The bundled CLIPs: name → folder."""
    return {"starter": starter_clip(), "starter-second": STARTER_FOLDER / "second"}


def has_judge(perceptors: Sequence[str]) -> bool:
    """Whether the judge is installed, and is none of a run's perceptors."""
    return JUDGE not in perceptors and any(starter_clips()[JUDGE].glob("*.safetensors"))


def find_embedding_length(perceptor: str) -> int | None:
    """Find how many numbers the embeddings of a perceptor in a folder have, without its weights.

    None for one that is in no folder, or whose settings cannot be read.
    """
    folder = starter_clips().get(perceptor, Path(perceptor))
    try:
        text = (folder / "open_clip_config.json").read_text(encoding="utf-8")
        length = json.loads(text)["model_cfg"]["embed_dim"]
    except (OSError, ValueError, RecursionError, KeyError, TypeError):
        return None
    return length if isinstance(length, int) else None


def starter_prior() -> Path:
    """The folder of the bundled prior (config and weights)."""
    return STARTER_FOLDER / "prior"


def find_vqgan(name: str) -> ModelFiles:
    """Find the files of a VQGAN on this machine by its name.

    Raises:
        ModelAbsent: if the model is known but not on this machine.
        ModelError: if nothing is known by that name.
    """
    row = CHECKPOINTS.get(name)
    if name in HEADS:
        raise ModelError(
            f"{name} is no VQGAN but an aesthetic head, which rates pictures; it is named by "
            f"losses.aesthetic_head={name}"
        )
    if (told := explain_path(name)) and not (_is_name(name) and model_folder(name).is_dir()):
        raise ModelError(told)
    folder = model_folder(name)
    if name == "starter":
        found = ModelFiles(STARTER_FOLDER / "vqgan.yaml", STARTER_FOLDER / "vqgan.safetensors")
        if not (found.config.is_file() and found.weights.is_file()):
            raise ModelAbsent(
                f"the starter model is not in {STARTER_FOLDER}; this installation is incomplete: "
                "install vqclip again"
            )
        return found
    weights = weights_in(folder)
    config = folder / "config.yaml"
    if row is not None and not config.is_file():
        config = MODELS_FOLDER / row.config
    if weights is not None and config.is_file():
        return ModelFiles(config, weights)
    if row is None:
        names = sorted({*CHECKPOINTS, *_imported_models()})
        raise ModelError(
            f"no model is called {name!r}{suggest(name, names)} (one of: {', '.join(names)}); "
            "to add your own files: 'vqclip models import FILE --config YAML --name NAME'"
        )
    raise ModelAbsent(
        f"the model {name!r} is not on this machine ({format_bytes(row.bytes)}); run "
        f"'vqclip models fetch {name}', or use the bundled one: --preset starter"
    )


def find_weights(name: str) -> Path:
    """Find the weights of a VQGAN or an aesthetic head on this machine by its name.

    Raises:
        ModelAbsent: if the model is known but not on this machine.
        ModelError: if nothing is known by that name.
    """
    if name not in HEADS:
        known = {*CHECKPOINTS, *_imported_models()}
        near = None if name in known else find_nearest(name, {*known, *HEADS})
        if near in HEADS:
            raise ModelError(f"no model is called {name!r}{suggest(name, HEADS)}")
        return find_vqgan(name).weights
    weights = weights_in(model_folder(name))
    if weights is None:
        raise ModelAbsent(
            f"the aesthetic head {name!r} is not on this machine "
            f"({format_bytes(HEADS[name].bytes)}); run 'vqclip models fetch {name}', or leave "
            "out losses.aesthetic"
        )
    return weights


def list_models() -> list[ZooRow]:
    """List the models of the catalogue and the imported ones; sizes of local files are exact."""
    rows = []
    for name in [*CHECKPOINTS, *HEADS, *_imported_models()]:
        row = find_published(name)
        weights = (
            STARTER_FOLDER / "vqgan.safetensors"
            if name == "starter"
            else weights_in(model_folder(name))
        )
        here = weights is not None and weights.is_file()
        size = None if row is None else row.bytes
        if weights is not None and here:
            size = weights.stat().st_size
        where = "absent" if not here else "bundled" if name == "starter" else "cached"
        if row is None:
            rows.append(ZooRow(name, "own", size, "not known to vqclip", where, "imported"))
        else:
            kind = row.kind if isinstance(row, Checkpoint) else "head"
            rows.append(ZooRow(name, kind, size, row.licence, where, row.about))
    return rows


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file in hexadecimal, read a mebibyte at a time."""
    digest = new_sha256()
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def format_bytes(size: int | None) -> str:
    """Format a number of bytes for people.

    >>> format_bytes(980_000_000), format_bytes(4_260_000_000), format_bytes(None)
    ('980 MB', '4.3 GB', 'size unknown')
    """
    if size is None:
        return "size unknown"
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}" if unit == 10**9 else f"{size / unit:.0f} {name}"
    return f"{size} bytes"


def model_folder(name: str) -> Path:
    """The folder of a model in the cache.

    Raises:
        ModelError: if the name is not valid, such as one that leads out of the cache.
    """
    if not _is_name(name):
        raise ModelError(
            f"{name!r} cannot be a model's name; use letters, digits, '_', '-' and '.', and "
            "begin with a letter or a digit"
        )
    return cache_dir() / name


def _is_name(name: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9][\w.-]*", name, re.ASCII) is not None


def weights_in(folder: Path) -> Path | None:
    """The weights in a model's folder, or None if they are not complete."""
    found = sorted(folder.glob("weights.*"))
    return next((p for p in found if p.suffix not in (".part", ".sha256", ".from")), None)


def _imported_models() -> list[str]:
    """List the models in the cache that are not in the catalogue."""
    folders = sorted(cache_dir().glob("*/"))
    known = {*CHECKPOINTS, *HEADS}
    return [f.name for f in folders if f.name not in known and weights_in(f) is not None]


PERCEPTOR_WEIGHTS = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.bin",
)  # open_clip's order


@dataclass(frozen=True)
class MissingModel:
    """A model that is known but not on this machine.

    Args:
        bytes: its approximate size; None if unknown.
    """

    name: str
    bytes: int | None

    @property
    def command(self) -> str:
        """The command that downloads it."""
        return f"vqclip models fetch {self.name}"


IsAbsent = Callable[[str], MissingModel | None]  # name of a perceptor → None if it is here


def require_models(
    vqgan: str | None,
    perceptors: Sequence[str],
    look: IsAbsent = lambda name: None,
    *,
    head: str = "",
) -> None:
    """Check that all models of a run are on this machine; one error names all that are not.

    Args:
        vqgan: name of the VQGAN, or None where there is none.
        perceptors: names of the perceptors.
        look: called for perceptors that are not in the catalogue.
        head: name of the aesthetic head; what the catalogue does not have is a file's.

    Raises:
        ModelAbsent: with the size of each absent model and the command that fetches it.
        ModelError: if there is no VQGAN of that name.
    """
    missing = missing_models(vqgan, perceptors, look, head=head)
    if not missing:
        return
    if [each.name for each in missing] == [head]:
        find_weights(head)  # raises the error for one
    if vqgan is not None and [each.name for each in missing] == [vqgan]:
        find_vqgan(vqgan)  # raises the error for one
    if len(missing) == 1:
        name, size = missing[0].name, format_bytes(missing[0].bytes)
        raise ModelAbsent(
            f"the perceptor {name!r} is not on this machine ({size}); run "
            f"'{missing[0].command}', or use the bundled one: --preset starter"
        )
    lines = [f"\n  {each.command}  ({format_bytes(each.bytes)})" for each in missing]
    raise ModelAbsent(
        f"{len(missing)} models are not on this machine; run{''.join(lines)}\n"
        "or use the bundled ones: --preset starter"
    )


def missing_models(
    vqgan: str | None,
    perceptors: Sequence[str],
    look: IsAbsent = lambda name: None,
    *,
    head: str = "",
) -> list[MissingModel]:
    """List the models of a run that are absent, the VQGAN first; see `require_models`.

    Raises:
        ModelError: if there is no VQGAN of that name, or the bundled models are incomplete.
    """
    missing: list[MissingModel | None] = []
    try:
        if vqgan is not None:
            find_vqgan(vqgan)
    except ModelAbsent:
        assert vqgan is not None
        row = CHECKPOINTS[vqgan]
        if vqgan == "starter":  # nothing can be fetched
            raise
        missing.append(MissingModel(vqgan, row.bytes))
    missing += [_missing_perceptor(name, look) for name in perceptors]
    if head in HEADS and weights_in(model_folder(head)) is None:
        missing.append(MissingModel(head, HEADS[head].bytes))
    return [each for each in missing if each is not None]


def canonical_name(name: str) -> str:
    """Spell `model::weights` as open_clip does; OpenAI's and other spellings are accepted.

    >>> canonical_name("ViT-B/32::OpenAI")
    'ViT-B-32::openai'
    """
    model, _, tag = name.partition("::")
    return f"{model.replace('/', '-')}::{tag.lower().replace('-', '_')}"


def in_hub_cache(repository: str, files: Sequence[str] = PERCEPTOR_WEIGHTS) -> bool:
    """Whether Hugging Face's cache holds one of a repository's files; works offline."""
    from huggingface_hub import try_to_load_from_cache  # a quarter of a second

    return any(isinstance(try_to_load_from_cache(repository, file), str) for file in files)


def _missing_perceptor(name: str, look: IsAbsent) -> MissingModel | None:
    """Look for a perceptor; None if it is here.

    Raises:
        ModelAbsent: if a bundled one is missing.
    """
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
