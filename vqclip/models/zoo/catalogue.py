"""The catalogue of published models.

Source: the addresses that taming-transformers, latent-diffusion, pixray, latentshift and LAION
publish, and mirrors from the notebooks of 2021. Some may be gone by now, so each row lists all
that are known.
"""

from __future__ import annotations

from dataclasses import dataclass

HEIBOX = "https://heibox.uni-heidelberg.de"
PIXRAY = "https://github.com/pixray/pixray/releases/download/v1.7.1"
LATENTSHIFT = "https://github.com/ieee8023/latentshift/releases/download/weights"
OMMER = "https://ommer-lab.com/files/latent-diffusion"
COMMUNITY = "http://mirror.io.community/blob/vqgan"
AESTHETIC_V1 = "https://github.com/LAION-AI/aesthetic-predictor/raw/main"
AESTHETIC_V2 = "https://github.com/christophschuhmann/improved-aesthetic-predictor/raw/main"
UNSTATED = "none stated for the weights (the code is MIT)"


# The sha256 of the weights that come with vqclip, by their path in models/starter.
BUNDLED = {
    "vqgan.safetensors": ("1559278a90ac2b254be13ad262b046adc4e8f26b8fd52b79b621df8e9ccc596a"),
    "clip/packed.safetensors": (
        "3997f7d53bb96fbe6b85f3713197ef684d1d34e7a6e2df3a69e993ed273f6cac"
    ),
    "prior/prior.safetensors": (
        "6eeba103fcc315d47632960817f210b2103e0f454bebe3691864684ff7f1f0da"
    ),
    "second/packed.safetensors": (
        "f77448cabbff04e9014cc800c1619bbf754d57cd52eacdbe7dbe10454c51078f"
    ),
}


@dataclass(frozen=True, kw_only=True)
class PublishedFile:
    """A published file of weights: a row of the catalogue."""

    name: str
    mirrors: tuple[str, ...]
    bytes: int | None  # approximate; None if not published
    sha256: str | None
    licence: str
    about: str


@dataclass(frozen=True, kw_only=True)
class Checkpoint(PublishedFile):
    """A published VQGAN checkpoint."""

    kind: str  # "vq", "gumbel", or "net2net": a first stage, and a transformer
    config: str  # bundled YAML, relative to this folder


@dataclass(frozen=True, kw_only=True)
class KnownHead(PublishedFile):
    """A published aesthetic head."""

    perceptor: str  # model::weights, whose embeddings it rates


@dataclass(frozen=True)
class KnownPerceptor:
    """A published CLIP whose size is known without open_clip: a row of the catalogue."""

    name: str  # model::weights
    repository: str  # on the Hugging Face hub, where open_clip fetches it
    bytes: int  # approximate


# The CLIPs of the presets and of aesthetic heads. OpenAI's own files are in half precision
# (ViT-B-32: 354 MB); open_clip prefers ports of them on the hub, in single precision: four bytes
# a weight, which a test checks.
PERCEPTORS = {
    row.name: row
    for row in (
        KnownPerceptor("ViT-B-32::openai", "timm/vit_base_patch32_clip_224.openai", 605_000_000),
        KnownPerceptor("ViT-B-16::openai", "timm/vit_base_patch16_clip_224.openai", 598_000_000),
        KnownPerceptor(
            "ViT-L-14::openai", "timm/vit_large_patch14_clip_224.openai", 1_710_000_000
        ),
        KnownPerceptor("RN50::openai", "timm/resnet50_clip.openai", 408_000_000),
        KnownPerceptor("RN101::openai", "timm/resnet101_clip.openai", 479_000_000),
        KnownPerceptor("RN50x4::openai", "timm/resnet50x4_clip.openai", 714_000_000),
    )
}

# Published, but not listed:
# - coco: its first stage may have 1,024 codes, like that of its segmentations, or 8,192, like
#   that of the later model of whole scenes; the published configs do not tell;
# - ade20k, ffhq, celebahq: no config has been seen, so a row would be a guess;
# - latent-diffusion's f16: as coarse as imagenet_f16_16384, and by its authors' measure
#   (reconstruction FID 5.15, against 4.98) no better;
# - latent-diffusion's f4: four times the cells of an f8 model, each little more than a patch of
#   colour, so that the codebook hardly affects the look of a picture.
CHECKPOINTS = {
    row.name: row
    for row in (
        Checkpoint(
            name="starter",
            kind="vq",
            config="starter/vqgan.yaml",
            mirrors=(),
            bytes=None,
            sha256=None,
            licence="see models/starter/MODEL_CARD.md",
            about="small, comes with vqclip",
        ),
        Checkpoint(
            name="imagenet_f16_16384",
            kind="vq",
            config="configs/imagenet_f16_16384.yaml",
            mirrors=(
                f"{HEIBOX}/d/a7530b09fed84f80a887/files/?p=%2Fckpts%2Flast.ckpt&dl=1",
                f"{HEIBOX}/f/867b05fc8c4841768640/?dl=1",
                f"{COMMUNITY}/vqgan_imagenet_f16_16384.ckpt",
            ),
            bytes=980_000_000,
            sha256=None,
            licence=UNSTATED,
            about="anything; the usual choice",
        ),
        Checkpoint(
            name="imagenet_f16_1024",
            kind="vq",
            config="configs/imagenet_f16_1024.yaml",
            mirrors=(
                f"{HEIBOX}/d/8088892a516d4e3baf92/files/?p=%2Fckpts%2Flast.ckpt&dl=1",
                f"{HEIBOX}/f/140747ba53464f49b476/?dl=1",
                f"{LATENTSHIFT}/vqgan_imagenet_f16_1024.ckpt",
                f"{COMMUNITY}/vqgan_imagenet_f16_1024.ckpt",
            ),
            bytes=958_000_000,
            sha256=None,
            licence=UNSTATED,
            about="anything; a smaller codebook, bolder shapes",
        ),
        Checkpoint(
            name="gumbel_f8_8192",
            kind="gumbel",
            config="configs/gumbel_f8_8192.yaml",
            mirrors=(f"{HEIBOX}/d/2e5662443a6b4307b470/files/?p=%2Fckpts%2Flast.ckpt&dl=1",),
            bytes=376_000_000,
            sha256=None,
            licence=UNSTATED,
            about="OpenImages; finer, four times as many codes, more memory",
        ),
        Checkpoint(
            name="openimages_f8_16384",
            kind="vq",
            config="configs/openimages_f8_16384.yaml",
            mirrors=(f"{OMMER}/vq-f8.zip",),
            bytes=None,
            sha256=None,
            licence=UNSTATED,
            about="anything; the most faithful details, a fine grid of codes; size not published",
        ),
        Checkpoint(
            name="openimages_f8_256",
            kind="vq",
            config="configs/openimages_f8_256.yaml",
            mirrors=(f"{OMMER}/vq-f8-n256.zip",),
            bytes=None,
            sha256=None,
            licence=UNSTATED,
            about="anything; a small codebook, a fine grid of codes; size not published",
        ),
        Checkpoint(
            name="wikiart_f16_1024",
            kind="vq",
            config="configs/wikiart_f16_1024.yaml",
            mirrors=(f"{PIXRAY}/vqgan_wikiart_1024.ckpt", f"{COMMUNITY}/wikiart.ckpt"),
            bytes=958_000_000,
            sha256=None,
            licence="none stated",
            about="paintings",
        ),
        Checkpoint(
            name="wikiart_f16_16384",
            kind="vq",
            config="configs/wikiart_f16_16384.yaml",
            mirrors=(
                f"{PIXRAY}/vqgan_wikiart_16384.ckpt",
                f"{COMMUNITY}/wikiart_16384.ckpt",
                "http://eaidata.bmk.sh/data/Wikiart_16384/wikiart_f16_16384_8145600.ckpt",
            ),
            bytes=1_000_000_000,
            sha256=None,
            licence="none stated",
            about="paintings; a larger codebook",
        ),
        Checkpoint(
            name="sflckr",
            kind="net2net",
            config="configs/sflckr.yaml",
            mirrors=(
                f"{HEIBOX}/d/73487ab6e5314cb5adba/files/?p=%2Fcheckpoints%2Flast.ckpt&dl=1",
            ),
            bytes=4_260_000_000,
            sha256=None,
            licence=UNSTATED,
            about="landscapes",
        ),
        Checkpoint(
            name="faceshq",
            kind="net2net",
            config="configs/faceshq.yaml",
            mirrors=(
                f"{LATENTSHIFT}/2020-11-13T21-41-45_faceshq.pth",
                "https://app.koofr.net/content/links/a04deec9-0c59-4673-8b37-3d696fe63a5d/files/"
                "get/last.ckpt?path=%2F2020-11-13T21-41-45_faceshq_transformer%2Fcheckpoints"
                "%2Flast.ckpt",
            ),
            bytes=None,
            sha256=None,
            licence=UNSTATED,
            about="faces; size not published",
        ),
        Checkpoint(
            name="drin",
            kind="net2net",
            config="configs/drin.yaml",
            mirrors=(
                "https://app.koofr.net/content/links/028f1ba8-404d-42c4-a866-9a8a4eebb40c/files/"
                "get/last.ckpt?path=%2F2020-11-20T12-54-32_drin_transformer%2Fcheckpoints"
                "%2Flast.ckpt",
            ),
            bytes=None,
            sha256=None,
            licence=UNSTATED,
            about="animals; size not published",
        ),
        Checkpoint(
            name="cin_transformer",
            kind="net2net",
            config="configs/cin_transformer.yaml",
            mirrors=(
                "https://app.koofr.net/content/links/90cbd5aa-ef70-4f5e-99bc-f12e5a89380e/files/"
                "get/last.ckpt?path=%2F2021-04-03T19-39-50_cin_transformer%2Fcheckpoints"
                "%2Flast.ckpt",
            ),
            bytes=None,
            sha256=None,
            licence=UNSTATED,
            about="ImageNet's classes, for dream.prior; 1.4 billion weights; size not published",
        ),
    )
}

# LAION's aesthetic predictors: V1, linear, and V2, whose layers have nothing between them.
HEADS = {
    row.name: row
    for row in (
        KnownHead(
            name="aesthetic-vit-b-32",
            mirrors=(f"{AESTHETIC_V1}/sa_0_4_vit_b_32_linear.pth",),
            bytes=3047,
            sha256="c7b14cead230694acc7b9447974d3cad78003c72da032e402a303b6c2429e85f",
            licence="MIT",
            about="rates pictures by ViT-B-32::openai",
            perceptor="ViT-B-32::openai",
        ),
        KnownHead(
            name="aesthetic-vit-b-16",
            mirrors=(f"{AESTHETIC_V1}/sa_0_4_vit_b_16_linear.pth",),
            bytes=3047,
            sha256="8ad3923d7ecf019df20ecd2ab5542a3075fbba0278d239c0371345f3d7fcbde0",
            licence="MIT",
            about="rates pictures by ViT-B-16::openai",
            perceptor="ViT-B-16::openai",
        ),
        KnownHead(
            name="aesthetic-vit-l-14",
            mirrors=(f"{AESTHETIC_V1}/sa_0_4_vit_l_14_linear.pth",),
            bytes=4071,
            sha256="2cd4e60f4f24ae3bcd57b847b13c1f3ba27edc28cc1a7f9ce74ee9f421243cba",
            licence="MIT",
            about="rates pictures by ViT-L-14::openai",
            perceptor="ViT-L-14::openai",
        ),
        KnownHead(
            name="aesthetic-v2-vit-l-14",
            mirrors=(f"{AESTHETIC_V2}/sac%2Blogos%2Bava1-l14-linearMSE.pth",),
            bytes=3_714_759,
            sha256="21dd590f3ccdc646f0d53120778b296013b096a035a2718c9cb0d511bff0f1e0",
            licence="Apache-2.0",
            about="rates pictures by ViT-L-14::openai; V2, trained on more ratings",
            perceptor="ViT-L-14::openai",
        ),
    )
}


def find_published(name: str) -> PublishedFile | None:
    """Find a VQGAN or an aesthetic head in the catalogue."""
    return CHECKPOINTS.get(name) or HEADS.get(name)
