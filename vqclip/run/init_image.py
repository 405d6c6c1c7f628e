"""The init image of a run: a file, a draft or noise; and the pictures of prompts.

Sizes are in pixels. Which pictures there are, and whether they can be used, `media.paths` has
told before torch was there.

Random codes are no picture: a run that begins with those has none.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from vqclip.config.checking import picture_checks
from vqclip.config.checking.seeds import SeedWalk
from vqclip.config.schema import NOISES, RunConfig
from vqclip.drawers.base import BaseDrawer
from vqclip.drawers.filtered import lay_on_white, resize_picture
from vqclip.drawers.latent import LATENT, LatentDrawer
from vqclip.errors import PictureError
from vqclip.guidance import drafts as guidance_drafts
from vqclip.guidance import regions
from vqclip.guidance.composition import captions, composer, scenery, silhouettes, sprites, tints
from vqclip.guidance.perceptor import OpenClipPerceptor
from vqclip.guidance.regions import Mask
from vqclip.language.assets import SearchPath
from vqclip.language.directions import direction_files
from vqclip.language.layout.layout_types import Layout
from vqclip.language.prompt_types import Prompt, Region, draft_text, positive_texts
from vqclip.media import images, paths
from vqclip.models import model_cache
from vqclip.models.device import open_noise
from vqclip.models.zoo import head_files, model_files
from vqclip.models.zoo.word_embedding import WordEmbedding
from vqclip.run.frame_plan import list_source_files, open_source
from vqclip.run.preflight import Request
from vqclip.run.start_pictures import refinement
from vqclip.run.start_pictures.noise_images import NOISE_IMAGES
from vqclip.tensors import Image, Noise


def read_target_images(
    prompts: Iterable[Prompt],
    size: tuple[int, int],
    device: torch.device,
    search_path: SearchPath,
) -> dict[str, list[Image]]:
    """Read what image prompts name: the prompt's body → its pictures, stretched to `size`.

    Args:
        size: width and height, in pixels.
        search_path: where the pictures are looked for.
    """
    return {
        prompt.body: [
            images.read_picture(path, size=size).to(device)
            for path in paths.find_images(prompt.body, search_path)
        ]
        for prompt in prompts
        if prompt.kind == "image"
    }


def make_masks(prompts: Iterable[Prompt], search_path: SearchPath) -> dict[Region, Mask]:
    """Draw or read the masks of all regions."""
    found = {}
    for prompt in prompts:
        if prompt.region is not None and prompt.region not in found:
            name = prompt.region.mask
            picture = None if name is None else images.read_mask(search_path.find(name))
            where = regions.draw_mask(prompt.region, picture)
            if float(where.max()) <= regions.FAINT:
                raise PictureError(
                    f"in({'-' * prompt.region.outside}{prompt.region.place}) covers nothing of "
                    "the picture; a mask is white, or opaque, where the region is"
                )
            found[prompt.region] = where
    return found


def describe_masks(prompts: Iterable[Prompt], search_path: SearchPath) -> list[str]:
    """Say of each mask that may be read in two ways how it is read."""
    regions_of = (prompt.region for prompt in prompts if prompt.region is not None)
    names = dict.fromkeys(region.mask for region in regions_of if region.mask is not None)
    said = ((name, images.describe_mask(search_path.find(name))) for name in names)
    return [f"{name} {words}" for name, words in said if words is not None]


def check_masks(prompts: Sequence[Prompt], search_path: SearchPath) -> list[str]:
    """Read the masks of prompts before a run, and list notes about how they are read.

    Raises:
        PictureError: if one cannot be read, or covers nothing.
    """
    make_masks(prompts, search_path)
    return describe_masks(prompts, search_path)


def hash_pictures(names: Sequence[str], search_path: SearchPath) -> dict[str, str]:
    """A sha256 for each name, of its picture or of all its pictures' sums, for the notes."""
    return {f"picture {name}": hash_files(paths.find_images(name, search_path)) for name in names}


def list_digests(request: Request, models: Mapping[str, str]) -> dict[str, str]:
    """The sha256 of every file that the picture depends on, but for the VQGAN's, by its name.

    Args:
        models: those of the perceptors.
    """
    config, found = request.config, {}
    if request.retake is not None:
        found[f"frames {config.retake.of}"] = hash_files(request.retake.files)
    found |= models
    for name, path in request.words.items():
        found[f"word {name}"] = model_files.file_sha256(path)
    if request.starts_from_draft:
        found["starter prior"] = model_cache.digest_once(
            model_files.starter_prior() / "prior.safetensors"
        )
    found |= hash_pictures(list_pictures(request), request.search_path)
    if request.frames is not None:
        read = list_source_files(config, request.search_path)
        found |= {name: hash_files(files) for name, files in read.items()}
    if head := picture_checks.head_of_run(config):
        file = head_files.find_head(head, request.search_path)
        found[f"aesthetic {head}"] = model_files.file_sha256(file)
    if depths := picture_checks.loss_files(config).get("losses.depth_model"):
        weights = sorted(request.search_path.find(depths).glob("*.safetensors"))
        found[f"depth {depths}"] = hash_files(weights)
    return found | {
        f"direction {n}": direction_files.hash_direction(each)
        for n, each in request.directions.items()
    }


def list_pictures(request: Request) -> list[str]:
    """The names of the pictures that it reads."""
    return picture_checks.images_of_run(_started(request), request.prompts)


def list_stretched(request: Request) -> list[str]:
    """The names of those of them that are stretched to the size of the run's picture."""
    fitted = [prompt for prompt in request.prompts if prompt.kind != "like"]
    return picture_checks.images_of_run(_started(request), fitted, fitted=True)


def _started(request: Request) -> RunConfig:
    """Its settings; without what it starts from, if it does not start anew."""
    return request.config if request.starts_anew else replace(request.config, init="random")


def hash_files(files: Sequence[Path]) -> str:
    """The sha256 of a file, or of the sums of several."""
    sums = [model_files.file_sha256(path) for path in files]
    return sums[0] if len(sums) == 1 else hashlib.sha256("".join(sums).encode()).hexdigest()


def describe_stretched(
    names: Sequence[str], size: tuple[int, int], search_path: SearchPath
) -> list[str]:
    """Say of each name if its picture is stretched; of several pictures, of the first that is."""
    found = []
    for name in names:
        notes = (
            paths.describe_stretch(name, p, size) for p in paths.find_images(name, search_path)
        )
        found += [note for note in notes if note is not None][:1]
    return found


@dataclass
class Stopwatch:
    """A context whose time is added up."""

    seconds: float = 0.0
    _began: float = 0.0

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(self, *error: object) -> None:
        self.seconds += max(0.0, time.perf_counter() - self._began)


@dataclass(frozen=True)
class InitImage:
    """What a run may begin with.

    Args:
        request: what the run is to be.
        words: the learnt ones that its prompts name.
        masks: of the regions that its prompts name.
        size: width and height of the finished picture, in pixels.
        device: where pictures are wanted.
        seed: of the run; its start lies where a walk between two seeds is.
        loaded: its perceptors; one that judges drafts, too, is not loaded again.
        stopwatch: how long it takes to draw what the run begins with.
    """

    request: Request
    words: Sequence[WordEmbedding]
    masks: Mapping[Region, Mask]
    size: tuple[int, int]
    device: torch.device
    seed: SeedWalk
    loaded: Sequence[OpenClipPerceptor] = ()
    stopwatch: Stopwatch = field(default_factory=Stopwatch)

    def draw_picture(self) -> Image | None:
        """The picture that the run starts from, at its final size, or None for random codes.

        Raises:
            PictureError: if `init` is no picture that can be read.
        """
        config, (width, height) = self.request.config, self.size
        if config.init == "random":
            return None
        stream = self.seed.derive("init")
        if config.init == "dream":
            shares = self.request.scenes.scene_shares(0)
            draft = self.draw_draft(stream, shares.index(max(shares)))
            plain = not config.draw.alpha or self.request.layouts
            return draft if plain else silhouettes.clear_ground(draft)
        if config.init == "source":
            return _first_frame(config, self.size, self.request.search_path).to(self.device)
        if config.init in NOISES:
            options = {"name": config.init_colour} if config.init == "colour" else {}
            sized = (width, height, open_noise(stream))
            return NOISE_IMAGES[config.init](*sized, **options).to(self.device)
        path = self.request.search_path.find(config.init)
        if not os.path.exists(path) and path.suffix == "":
            raise PictureError(picture_checks.no_start(config.init))
        alpha = config.draw.alpha
        return images.read_picture(path, size=self.size, alpha=alpha).to(self.device)

    def draw_draft(self, seed: SeedWalk, scene: int = 0) -> Image:
        """A draft of a scene as a whole, and in it one of what each region is to show.

        Each has a random stream of its own: another region does not change the others. Where the
        scene has no words, it is that of the first one that has some. A scene with a layout is
        composed.
        """
        found = positive_texts(self.request.prompts)
        spoken = {prompt.scene for prompt in found}
        scene = scene if scene in spoken else min(spoken)
        layout = self.request.layouts.get(scene)
        if layout is not None:
            return self._compose(layout, seed)
        first = [prompt for prompt in found if prompt.scene == scene]
        whole = [prompt for prompt in first if prompt.region is None]
        parts: dict[Region, list[Prompt]] = {}
        for prompt in first:
            if prompt.region is not None:
                parts.setdefault(prompt.region, []).append(prompt)
        drafts = {
            region: self._best(some, seed.derive(f"{region.outside}:{region.place}"))
            for region, some in parts.items()
        }
        width, height = self.size
        if whole:
            laid = guidance_drafts.pad_draft(self._best(whole, seed), width, height)
        else:  # the ground of the first one, all over
            edge = next(iter(drafts.values()))[..., :2, :].mean((2, 3), keepdim=True)
            laid = edge.expand(1, 3, height, width).clone()
        for region, draft in drafts.items():
            laid = regions.paste_draft(draft, laid, self.masks[region])
        return laid

    def _compose(self, layout: Layout, seed: SeedWalk) -> Image:
        """The picture of a layout; each kind of thing has a random stream of its own."""
        width, height = self.size

        def draw() -> Image:
            model = self._draft_model
            assert isinstance(model, guidance_drafts.DraftModel)  # no other prior starts a run
            kinds = scenery.list_kinds(layout)
            things = sprites.draw_all_silhouettes(
                model,
                [
                    sprites.Wanted(thing, width / height, seed.derive(thing.prompt))
                    for thing in kinds
                ],
                self.request.config.dream,
                layout.style,
                lambda draft, prompt: refinement.refine_draft(
                    *(draft, prompt, model.perceptors, refinement.share_steps(len(kinds))),
                    seed=seed.derive(f"refined {prompt}").nearer,
                ),
            )
            generator = _ground_noise(seed)
            return composer.compose_picture(layout, things, width, height, generator)

        return self._draw_once(("composed", layout, self.size, seed), draw).to(self.device)

    def find_things(self, start: Image | None) -> Tensor | None:
        """Find where the picture that a run starts from shows the things of its only layout.

        None where it was not composed on a painted ground, or several scenes have layouts.
        """
        layouts = list(self.request.layouts.values())
        if start is None or self.request.config.init != "dream" or len(layouts) != 1:
            return None
        generator = _ground_noise(self.seed.derive("init"))
        return composer.find_things(start, layouts[0], generator)

    @cached_property
    def _draft_model(self) -> guidance_drafts.DraftModel | guidance_drafts.ClassDraftModel:
        """What writes all drafts of the run."""
        return guidance_drafts.teach_words(
            guidance_drafts.load_draft_model(self.device, loaded=self.loaded), self.words
        )

    def _best(self, prompts: Sequence[Prompt], seed: SeedWalk) -> Image:
        text, options = draft_text(prompts), self.request.config.dream

        def draw() -> Image:
            generator = open_noise(seed)
            drafted = captions.write_draft_text(text)
            told = drafted.caption, tints.tint_drafts(drafted.colour)
            return self._draft_model.draw_drafts(text, options, generator, *told)[0].image

        return self._draw_once(("draft", text, seed), draw)

    def _draw_once(self, key: tuple[Hashable, ...], draw: Callable[[], Image]) -> Image:
        """Draw a picture by the starter models, or give that of an earlier run of this process.

        Args:
            key: what it depends on beside the models and the settings of drafts.
        """
        if self.words:  # which another run may have learnt anew
            return draw()
        judges = [folder.glob("*.safetensors") for folder in model_files.starter_clips().values()]
        read = [*model_files.starter_prior().glob("*"), *itertools.chain(*judges)]
        # As many threads round alike.
        computed = (str(self.device), torch.get_num_threads())
        key = (*key, self.request.config.dream, *computed)
        return model_cache.load_once(key, read, draw).clone()


def quantise_levels(picture: Image, device: torch.device) -> Image:
    """The same picture, of as many levels as a checkpoint keeps."""
    return picture.to(device).mul(255).round().div(255)


@torch.no_grad()
def start_drawer(
    drawer: BaseDrawer, start: Tensor | None, noise: Noise, device: torch.device
) -> BaseDrawer:
    """Give a drawer the parameters that the first step changes, and return it.

    They are those of the start picture, or random ones; opacity may be its fourth channel.
    """
    if start is None:
        found = drawer.random_parameters(noise)
    else:
        small = resize_picture(start, drawer.height, drawer.width, drawer.repeat)
        found = drawer.encode(small if drawer.has_alpha else lay_on_white(small))
    drawer.replace({name: value.to(device) for name, value in found.items()})
    return drawer


@torch.no_grad()
def encode_start(drawer: LatentDrawer, start: Tensor, rows: int, columns: int) -> Tensor:
    """The start picture's latent, of so many rows and columns: [1, C, rows, columns]."""
    factor = drawer.vqgan.factor
    small = resize_picture(start, rows * factor, columns * factor, drawer.repeat)
    return drawer.encode(lay_on_white(small))[LATENT]


def _first_frame(config: RunConfig, size: tuple[int, int], search_path: SearchPath) -> Image:
    """The frame with which a film that is drawn over begins."""
    first = next(iter(open_source(config, 0, size, search_path)), None)
    if first is None:
        raise PictureError(
            f"{config.source.film} has ended after {config.source.start:g} seconds; write a "
            "smaller source.start"
        )
    return first


def _ground_noise(seed: SeedWalk) -> Noise:
    """What the ground of a layout is painted with."""
    return open_noise(seed.derive("ground"))
