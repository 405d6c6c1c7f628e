"""The command models: list, fetch, import, verify, remove."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from vqclip.cli.options import CommonOptions
from vqclip.cli.output import Console, Progress
from vqclip.cli.progress_bar import BYTES
from vqclip.errors import ConfigError, ModelError, pick
from vqclip.models.zoo import model_files
from vqclip.models.zoo.catalogue import HEADS, PERCEPTORS, find_published

CARD = "see models/starter/MODEL_CARD.md"


def action(word: str) -> str:
    """Check that there is such an action; used by the parser.

    Raises:
        ConfigError: with the nearest.
    """
    pick(ACTIONS, word, "action of vqclip models")
    return word


def rows() -> Iterator[model_files.ZooRow]:
    """List VQGANs, aesthetic heads and perceptors, as far as known without asking open_clip."""
    yield from model_files.list_models()
    for name, folder in model_files.starter_clips().items():
        weights = list(folder.glob("*.safetensors"))
        if not weights and name != "starter":
            continue  # an edition without it
        size = sum(file.stat().st_size for file in weights) if weights else None
        where = "bundled" if weights else "absent"
        yield model_files.ZooRow(
            name, "clip", size, CARD, where, "perceptor; small, comes with vqclip"
        )
    for known in PERCEPTORS.values():
        where = "cached" if model_files.in_hub_cache(known.repository) else "absent"
        licence = f"stated at hf.co/{known.repository}"
        yield model_files.ZooRow(known.name, "clip", known.bytes, licence, where, "perceptor")


@dataclass(frozen=True, kw_only=True)
class ModelsOptions(CommonOptions):
    """The options of `models`."""

    action: str
    name: str | None
    config: str | None
    as_name: str | None


def list_(options: ModelsOptions, screen: Console) -> None:
    """List what is known, and where it is."""
    found = list(rows())
    for row in found:
        screen.event("model", **dataclasses.asdict(row))
    heads = ("name", "kind", "size", "where", "licence", "about")
    lines = [
        (
            row.name,
            row.kind,
            model_files.format_bytes(row.bytes),
            row.where,
            row.licence,
            row.about,
        )
        for row in found
    ]
    whole = screen.table([heads, *lines], heads=True, spare=heads.index("licence"))
    screen.result("\nmore perceptors: every model::weights that open_clip knows")
    if not whole:
        screen.result(
            "licences are shown in a wider window, with --json, and before a model is fetched"
        )


def where(options: ModelsOptions, screen: Console) -> None:
    """Say where a model is, or all that are downloaded and imported."""
    if options.name is None:
        screen.event("folder", path=str(model_files.cache_dir()))
        screen.result(str(model_files.cache_dir()), exact=True)
    else:
        _tell(options.name, model_files.find_weights(options.name), screen)


def import_(options: ModelsOptions, screen: Console) -> None:
    """Take in a checkpoint of the user's own."""
    file = _name(options)
    if options.config is None or options.as_name is None:
        raise ConfigError("write: vqclip models import FILE --config YAML --name NAME")
    from vqclip.models import vqgan
    from vqclip.models.zoo import download

    vqgan.open_vqgan(Path(options.config), Path(file))  # refused before it is taken in
    found = download.import_model(Path(file), Path(options.config), options.as_name)
    screen.say(f"imported as {options.as_name}: vqgan={options.as_name}")
    _tell(options.as_name, found.weights, screen)


def fetch(options: ModelsOptions, screen: Console) -> None:
    """Download a VQGAN, an aesthetic head or a perceptor, with a bar."""
    name = _name(options)
    if "::" in name:
        _fetch_perceptor(name, screen)
        return
    from vqclip.models.zoo import download

    row = find_published(name)
    if row is not None:
        screen.say(f"{name}: {model_files.format_bytes(row.bytes)}, licence: {row.licence}")
    with screen.bar(None, what=BYTES) as bar:

        def progress(done: int, total: int | None) -> None:
            bar.total = total
            bar.update(done - bar.n)

        path = download.fetch_model(name, progress, screen.say)
    if head := HEADS.get(name):
        screen.say(
            f"{name} is here: losses.aesthetic=0.02 losses.aesthetic_head={name} "
            f"perceptors={head.perceptor}"
        )
    _tell(name, path, screen)


def _fetch_perceptor(name: str, screen: Console) -> None:
    from vqclip.models import clip

    lacking = clip.is_absent(name)
    size = None if lacking is None else lacking.bytes
    if lacking is not None:
        screen.say(f"{name}: {model_files.format_bytes(size)}")
    clip.fetch_clip(name)
    screen.say(f"{name} is here: perceptors={name}")
    row = next((row for row in rows() if row.name == model_files.canonical_name(name)), None)
    if row is None:
        row = model_files.ZooRow(
            name, "clip", size, "stated where it is published", "", "perceptor"
        )
    screen.event("model", **dataclasses.asdict(row) | {"where": "cached"})


def verify(options: ModelsOptions, screen: Console) -> None:
    """Read the weights that are here through, and compare them with what they were.

    Raises:
        ModelError: if some are not what they were.
    """
    from vqclip.models.zoo import verify as zoo_verify

    if options.name is not None:
        model_files.find_weights(options.name)  # says what is wrong with a name
    changed = []
    for check in zoo_verify.verify_models(None if options.name is None else [options.name]):
        screen.event("verified", **dataclasses.asdict(check) | {"file": str(check.file)})
        screen.result(f"{check.verdict:8} {check.name}  sha256 {check.sha256}")
        changed += [] if check.same else [check.name]
    if changed:
        raise ModelError(
            f"these weights have changed: {', '.join(changed)}. If you fetched or imported "
            "them: 'vqclip models remove NAME', then fetch or import them again; if they came "
            "with vqclip: install vqclip again"
        )


def remove(options: ModelsOptions, screen: Console) -> None:
    """Delete a downloaded or imported model from the cache."""
    from vqclip.models.zoo import verify as zoo_verify

    freed = zoo_verify.remove_model(_name(options))
    screen.event("removed", name=options.name, bytes=freed)
    screen.say(f"removed {options.name}: {model_files.format_bytes(freed)} freed")


def _tell(name: str, path: Path, screen: Console) -> None:
    """Give a model's weights: the path for people, its row and the path for scripts."""
    row = next((row for row in model_files.list_models() if row.name == name), None)
    screen.event("model", **({} if row is None else dataclasses.asdict(row)), path=str(path))
    screen.result(str(path), exact=True)


def _name(options: ModelsOptions) -> str:
    if options.name is None:
        raise ConfigError(f"vqclip models {options.action} needs a name (see vqclip models list)")
    return options.name


ACTIONS: dict[str, Callable[[ModelsOptions, Console], None]] = {
    "list": list_,
    "fetch": fetch,
    "import": import_,
    "where": where,
    "verify": verify,
    "remove": remove,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the words and options of the command to its parser."""
    actions = "|".join(ACTIONS)
    parser.usage = f"{parser.prog} {actions} [NAME]  [--option …]"
    parser.add_argument("action", type=action, metavar="ACTION", help=actions.replace("|", ", "))
    parser.add_argument(
        "name",
        nargs="?",
        metavar="NAME",
        help=("the model's name; for import, its checkpoint file"),
    )
    parser.add_argument("--config", metavar="YAML", help="import: the model's taming YAML")
    parser.add_argument(
        "--name", dest="as_name", metavar="NAME", help=("import: the name to give it")
    )


def models(options: ModelsOptions, screen: Console, progress: Progress) -> None:
    """List, fetch, import, verify or remove models."""
    ACTIONS[options.action](options, screen)
