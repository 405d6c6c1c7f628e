"""CLIP training, with contrastive losses.

    vqclip train starter_clip_1_captions data=DIR

Radford et al., 2021, "Learning Transferable Visual Models From Natural Language Supervision"
(https://arxiv.org/abs/2103.00020), with open_clip's own model. Differs, because pictures will be
optimised against this CLIP:
- after some steps, adversarial training: every picture is first moved, within a small distance,
  along the gradient that fools the model most. The gradients of a robust network draw shapes
  instead of noise (Santurkar et al., 2019, "Image Synthesis with a Single (Robust) Classifier",
  https://arxiv.org/abs/1906.09453);
- a text must also fit its picture better than pictures of nothing: shuffled tiles, double
  exposures, noise, and random codes of a VQGAN;
- its image tower begins with ImageNet weights, or imitates a teacher that has them
  (`vqclip.training.distillation`): a few thousand captions are too few to learn what things look
  like;
- its text tower imitates a sentence encoder on many words, so that words which are in no caption
  are placed near words of similar meaning (`vqclip.training.distillation`);
- the same concept in another style is no mistake: every picture of a caption's concept counts.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from vqclip.errors import ModelError
from vqclip.models.zoo import model_files
from vqclip.models.zoo.checkpoint_file import read_checkpoint
from vqclip.training import loop, settings
from vqclip.training.adversarial import AdversarialPool
from vqclip.training.checkpoints import load_weights, read_weights
from vqclip.training.clip_model import FILE, Model, export, parameter_groups, words_folder
from vqclip.training.data import archives
from vqclip.training.data.batches import ClipBatches, make_nonsense, perturb_pictures
from vqclip.training.loop import learning_rate
from vqclip.training.settings import ClipRecipe


class ImageEncoder(Protocol):
    """A CLIP in training, as an attack needs it."""

    clip: Any

    def embed_image(self, images: Tensor) -> Tensor:
        """Embed pictures: [N, 3, S, S] in [0, 1] → [N, D], rows of length 1."""

    def parameters(self) -> Any:
        """Return the weights."""


def contrastive_loss(image: Tensor, text: Tensor, same: Tensor, scale: Tensor) -> Tensor:
    """The contrastive loss: cross-entropy both ways between pictures and texts.

    Args:
        image: [B + X, D], rows of length 1; the last X are nonsense, which fits no text.
        text: [B, D], rows of length 1.
        same: [B, B] bool, which texts are true of which pictures.
        scale: the inverse temperature.
    """
    wanted = same.float()
    logits = scale * image @ text.T  # [B + X, B]
    known = logits[: len(text)]
    of_image = -(wanted / wanted.sum(1, keepdim=True) * known.log_softmax(1)).sum(1).mean()
    of_text = -(wanted / wanted.sum(0) * logits.log_softmax(0)[: len(text)]).sum(0).mean()
    return (of_image + of_text) / 2


def attack_images(
    model: ImageEncoder, images: Tensor, text: Tensor, same: Tensor, rms: float, autocast: Any
) -> Tensor:
    """Adversarial attack: move each picture along the gradient that fools the model most.

    One step from a random start, as in "Fast is better than free" (Wong et al., 2020,
    https://arxiv.org/abs/2001.03994). Differs: the step is measured by L2, not by the sign.

    Args:
        images: [N, 3, S, S] in [0, 1].
        text, same: see `contrastive_loss`.
        rms: the greatest root mean square of the change, in units of a pixel's value.

    Returns:
        [N, 3, S, S] in [0, 1].
    """
    length = (
        rms * images[0].numel() ** 0.5 * torch.rand(len(images), 1, 1, 1, device=images.device)
    )
    start = torch.randn_like(images)
    start = start / start.flatten(1).norm(dim=1)[:, None, None, None] * length * 0.5
    moved = (images + start).clamp(0, 1).requires_grad_()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    with autocast():
        seen = model.embed_image(moved)
    loss = contrastive_loss(seen, text, same, model.clip.logit_scale.exp())
    gradient = torch.autograd.grad(loss, moved)[0]
    for parameter in model.parameters():
        parameter.requires_grad_(True)
    direction = gradient / (gradient.flatten(1).norm(dim=1)[:, None, None, None] + 1e-12)
    move = start + direction * length
    move = move * (length / move.flatten(1).norm(dim=1)[:, None, None, None]).clamp(max=1)
    return (images + move).clamp(0, 1).detach()


RANDOM_DECODES = 512  # pictures of random codes, which show nothing
# What exported weights lack: the normalisation, and the layer that imitates the sentence encoder.
UNSAID = ("mean", "std", "echo.weight")


def load_start_weights(recipe: ClipRecipe, model: Model) -> None:
    """Load the weights that `from=` names, under a training's names or open_clip's.

    Raises:
        ModelError: if they do not exist, or do not fit.
    """
    tensors, source = read_weights(recipe.begin, model_files.starter_clip(), FILE)
    if not any(key.startswith("clip.") for key in tensors):
        tensors = {f"clip.{key}": tensor for key, tensor in tensors.items()}
    load_weights(model, tensors, source, own=UNSAID)


def load_text_tower(recipe: ClipRecipe, model: Model) -> None:
    """Load the text tower of the CLIP that `words_of` names.

    Raises:
        ModelError: if it does not exist, or does not fit.
    """
    tensors, _ = read_weights(str(words_folder(recipe)), model_files.starter_clip(), FILE)
    words = {
        name: tensor
        for key, tensor in tensors.items()
        if not (name := f"clip.{key.removeprefix('clip.')}").startswith("clip.visual.")
        and name in model.state_dict()
    }
    load_weights(model, words, f"words_of={recipe.words_of}", own=_image_tower(model))


def _image_tower(model: Model) -> list[str]:
    """The names of the weights that are not the text tower's."""
    return [key for key in model.state_dict() if key.startswith("clip.visual.")] + list(UNSAID)


def load_teacher(recipe: ClipRecipe, model: Model, pictures: archives.Pictures) -> Tensor:
    """Read the teacher's file, and load its text tower into a model.

    Returns:
        The teacher's embeddings of the pictures, [N, D], rows of length 1.

    Raises:
        ModelError: if it cannot be read, does not fit, or lacks one of the pictures.
    """
    taught = read_checkpoint(recipe.teacher)
    source = f"teacher={recipe.teacher}"
    absent = [key for key in ("text", "targets", "files") if key not in taught]
    if absent:
        raise ModelError(f"{source} holds no {absent[0]}; give the teacher.pt of recipe: teacher")
    # Its normalisation belongs to another image tower.
    text = {key: tensor for key, tensor in taught["text"].items() if key not in UNSAID[:2]}
    load_weights(model, text, source, own=model.state_dict().keys())
    row_of = {file: index for index, file in enumerate(taught["files"])}
    strange = next((row.file for row in pictures.rows if row.file not in row_of), None)
    if strange is not None:
        raise ModelError(
            f"{source} does not know {strange}; make it again, with the same data= and licences="
        )
    targets: Tensor = taught["targets"][[row_of[row.file] for row in pictures.rows]]
    return targets


def train(
    recipe: ClipRecipe, listener: settings.EventListener = settings.ignore_event
) -> loop.Run:
    """Train from the last checkpoint in `recipe.out`, if there is one, and export at the end."""
    run = loop.prepare_run(recipe, listener)
    device, generator = run.device, run.generator

    def autocast() -> Any:
        return torch.autocast(device.type, torch.bfloat16, enabled=recipe.bf16)

    folder = Path(recipe.data)
    pictures, held = archives.read_pictures(
        folder, "illustrations", side=max(64, recipe.size), classes=recipe.licences
    ).split()
    photos = archives.read_pictures(folder, "photos", side=128, classes=recipe.licences)
    batches = ClipBatches(recipe, pictures, photos)

    model = Model(recipe)
    if recipe.begin and not run.resumed:
        load_start_weights(recipe, model)
    if recipe.words_of and not run.resumed:
        load_text_tower(recipe, model)
    fixed = recipe.words_fixed or bool(recipe.words_of)
    model = model.to(device).train()
    optimiser = torch.optim.AdamW(parameter_groups(recipe, model), betas=(0.9, 0.98))
    targets = torch.zeros(len(pictures), recipe.embedding)
    if recipe.teacher:
        targets = load_teacher(recipe, model, pictures)
    book = read_checkpoint(recipe.sentences) if recipe.sentences else None
    adversarial_pool = None
    if recipe.forgeries > 0:
        adversarial_pool = AdversarialPool(recipe, pictures, photos, device)
    decodes = random_decodes(recipe) if recipe.vqgan else torch.empty(0, 3, 0, 0)

    def advance(step: int) -> Tensor:
        for group in optimiser.param_groups:
            group["lr"] = group["pace"] * learning_rate(recipe, step)
        images, captions, shown, chosen = batches.draw(generator)
        forged = images[:0]
        if adversarial_pool is not None:
            lot = adversarial_pool.next_batch(model, generator, autocast)
            forged, images = lot.forged.cpu(), torch.cat([images, lot.real.cpu()])
            captions, shown = captions + lot.captions, shown + lot.things
            chosen = torch.cat([chosen, torch.full([len(lot.captions)], -1)])
        # A text is also true of a picture that shows a second thing.
        same = torch.tensor([[text <= here for text in shown] for here in shown], device=device)
        images, forged = perturb_pictures(torch.cat([images, forged]), generator).split(
            [len(images), len(forged)]
        )
        empty = make_nonsense(images, decodes, recipe.nonsense, generator).to(device)
        images, forged = images.to(device), forged.to(device)
        # Hiding patches makes early steps cheap (Li et al., 2022, FLIP, arXiv 2212.00794).
        if not recipe.trunk:
            hidden = recipe.hide if step < recipe.attack_from else 0.0
            model.clip.visual.patch_dropout.prob = hidden
        if step >= recipe.attack_from:
            with torch.no_grad(), autocast():
                text = model.embed_text(captions)
            # Attacks grow stronger: under strong ones an untrained model learns nothing.
            rms = recipe.attack_rms * min(1.0, (step - recipe.attack_from + 1) / 500)
            # Attack forgeries, too, or the attack's noise would give away the real pictures.
            both = attack_images(model, torch.cat([images, forged]), text, same, rms, autocast)
            images, forged = both.split([len(images), len(forged)])
        with autocast():
            image = model.embed_image(torch.cat([images, forged, empty]))
            with torch.set_grad_enabled(not fixed):
                text = model.embed_text(captions)
        if adversarial_pool is not None:
            adversarial_pool.update_scores(
                image.detach()[len(captions) - len(forged) :], text.detach()
            )
        loss = contrastive_loss(image, text, same, model.clip.logit_scale.exp())
        if recipe.teacher:
            untinted = chosen >= 0
            wanted = targets[chosen[untinted]].to(device)
            likeness = (image[: len(images)][untinted.to(device)] * wanted).sum(1)
            loss = loss + recipe.imitate * (1 - likeness).sum() / max(1, len(likeness))
        if book is not None and not fixed:
            picked = torch.randint(len(book["texts"]), [recipe.recited], generator=generator)
            with autocast():
                embedded = model.echo(
                    model.embed_text([book["texts"][i] for i in picked.tolist()])
                )
            wanted = book["meanings"][picked].to(device).float()
            apart = 1 - nn.functional.cosine_similarity(embedded, wanted)
            loss = loss + recipe.recite * apart.mean()
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        with torch.no_grad():
            model.clip.logit_scale.clamp_(0, 4.0)  # e⁴ is about 55
        return loss

    def report() -> dict[str, float]:
        line = evaluate(model, pictures, "known", recipe)
        line |= evaluate(model, held, "held_out", recipe)
        return (
            line
            if adversarial_pool is None
            else line | {"fooled": round(adversarial_pool.fooled, 3)}
        )

    parts: dict[str, Any] = {"model": model, "optimiser": optimiser}
    if adversarial_pool is not None:
        parts["forgeries"] = adversarial_pool
    sheet = None if adversarial_pool is None else adversarial_pool.sheet
    loop.run_steps(
        recipe, run, parts, advance, report=report, report_every=250, sheet=sheet, sheet_every=250
    )
    if not run.interrupted:
        export(recipe, model, pictures, run.out)
    return run


@torch.no_grad()
def evaluate(
    model: Model, pictures: archives.Pictures, name: str, recipe: ClipRecipe
) -> dict[str, float]:
    """The accuracy of naming pictures on white, among up to 256 concepts: {name: share}."""
    if len(pictures) == 0:
        return {}
    model.eval()
    first = {row.concept: i for i, row in reversed(list(enumerate(pictures.rows)))}
    order = torch.randperm(len(first), generator=torch.Generator().manual_seed(5))[:256]
    concepts = [list(first)[i] for i in order.tolist()]
    rgba = pictures.pixels[[first[c] for c in concepts]].float() / 255
    white = rgba[:, :3] * rgba[:, 3:] + 1 - rgba[:, 3:]
    image = model.embed_image(white.to(model.mean.device))
    best = (image @ model.embed_text(concepts).T).argmax(1).cpu()
    model.train()
    return {name: round(float((best == torch.arange(len(concepts))).float().mean()), 3)}


@torch.no_grad()
def random_decodes(recipe: ClipRecipe) -> Tensor:
    """Decode random codes of `recipe.vqgan`: [RANDOM_DECODES, 3, size, size] in [0, 1]."""
    from vqclip.models import vqgan

    folder = model_files.STARTER_FOLDER if recipe.vqgan == "starter" else Path(recipe.vqgan)
    model = vqgan.open_vqgan(folder / "vqgan.yaml", folder / "vqgan.safetensors")
    generator = torch.Generator().manual_seed(recipe.seed)
    side = recipe.size // model.factor
    latents = (model.random_latent(side, side, generator) for _ in range(RANDOM_DECODES))
    return torch.cat([model.decode(latent) for latent in latents])
