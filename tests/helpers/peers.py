"""Settings and command lines of other tools, and the settings that they are to become.

The first 17 are of public sources, with prompts of our own; the others are of the tables of what
the tools' options mean.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Case:
    """Something that is imported.

    Attributes:
        name: for the test.
        typed: a command line, or what a file holds.
        wanted: settings of the run file; those that vqclip does not have yet are to be told of.
        nearly, left: options that are to be reported so; the others are kept.
        file: the name of the file, if it is one.
        gone: settings that the run file must not have.
    """

    name: str
    typed: str
    wanted: dict[str, Any]
    nearly: str = ""
    left: str = ""
    file: str = ""
    gone: tuple[str, ...] = field(default=())

    def place(self, folder: Path) -> str:
        """What is given to the importer; a file is made in a folder."""
        if not self.file:
            return self.typed
        path = folder / self.file
        path.write_text(self.typed, encoding="utf-8")
        return str(path)


def notebook(*cells: str) -> str:
    """A notebook of cells of code, after one of words."""
    words = {"cell_type": "markdown", "source": ["pixray.run(prompts='not this one')"]}
    code = [
        {"cell_type": "code", "source": cell.splitlines(keepends=True), "outputs": []}
        for cell in cells
    ]
    return json.dumps({"cells": [words, *code], "nbformat": 4})


B32, B16 = "ViT-B-32::openai", "ViT-B-16::openai"
BETTER = ["RN50::openai", B32, B16]
SUFFIX = "| text:-1:-.9 | watermark:-1:-.9"
WATERMARKS = "text:-1:-0.9 | watermark:-1:-0.9"
PIXRAY = {
    "vqgan": "imagenet_f16_16384",
    "growth": [],
    "layout": "off",
    "optimiser.average": 0.0,
    "cutouts.recipe": "pixray",
    "cutouts.contrast": "stretch",
    "losses.distinct": 0.0,
    "losses.edges": 0.0,
}
MOSAIC = {"drawer": "mosaic", "draw.shape": "square", "optimiser.rate": 0.03}

PUBLIC = (
    Case(
        "1 a command line of pixray's README",
        "pixray.py --drawer=pixel --prompt=P --outdir sunrise01",
        PIXRAY
        | MOSAIC
        | {
            "size": "384x216",
            "draw.grid": "80x45",
            "steps": 250,
            "cutouts.count": 30,
            "perceptors": [B32, B16],
            "optimiser.schedule": "drop",
            "prompts": "P | vector(textoff):0.1",
            "init": "fractal",
            "out": "sunrise01",
            "losses.smoothness": 0.0,
        },
        nearly="outdir",
    ),
    Case(
        "2 pixray's minimal notebook",
        notebook(
            "%cd pixray\n!pip install -r requirements.txt",
            'prompts = "P" #@param {type: "string"}\nimport pixray',
            "pixray.run(prompts=prompts, drawer='pixel', quality='better',\n"
            "  custom_loss='saturation:0.5,smoothness:2', smoothness_type='log')",
        ),
        PIXRAY
        | MOSAIC
        | {
            "size": "576x324",
            "steps": 300,
            "cutouts.count": 36,
            "perceptors": BETTER,
            "losses.saturation": 0.05,
            "losses.smoothness_kind": "log",
        },
        nearly="custom_loss",
        left="smoothness_type",
        file="pixray_minimal.ipynb",
    ),
    Case(
        "3 a guide's notebook",
        notebook(
            "import pixray\npixray.reset_settings()",
            'pixray.add_settings(prompts="P", drawer="pixel", pixel_scale=.5, quality="better",\n'
            "  scale=3.5, batches=4, num_cuts=2, custom_loss='aesthetic, smoothness, palette',\n"
            "  smoothness_weight=4, smoothness_type='log', palette_weight=3, init_noise='snow')",
            "pixray.add_settings(palette='neon green->neon blue->neon pink\\\\12; "
            "black->grey->grey blue')\n"
            "s = pixray.apply_settings()\npixray.do_init(s)\npixray.do_run(s)",
        ),
        PIXRAY
        | MOSAIC
        | {
            "size": "672x378",
            "draw.grid": "160x90",
            "cutouts.count": 8,
            "losses.palette": 0.6,
            "losses.colours": ("#0cff0c->#04d9ff->#fe019a\\12; #000000->#929591->#6b8ba4\\16"),
            "losses.smoothness_kind": "log",
            "losses.aesthetic": 0.02,
            "losses.aesthetic_head": "aesthetic-vit-b-16",
            "init": "uniform",
        },
        nearly="custom_loss",
        left="smoothness_type",
        file="guide.ipynb",
    ),
    Case(
        "4 a command line of a pull request, with an older name of outdir",
        "python pixray.py --size 840 160 --pixel_size 210 40 --quality better --drawer pixel "
        "--custom_loss aesthetic,saturation:0.5,smoothness:2.0 --smoothness_type log --prompt P "
        "--output_dir X",
        PIXRAY
        | MOSAIC
        | {
            "size": "840x160",
            "draw.grid": "210x40",
            "losses.saturation": 0.05,
            "out": "X",
        },
        nearly="custom_loss output_dir",
        left="smoothness_type",
    ),
    Case(
        "5 an overlay and a label",
        "python pixray.py --quality normal --aspect square --label P --init_noise snow "
        "--init_image_alpha 200 --init_image bee.jpg --overlay_image bee.jpg --save_every 20 "
        "--overlay_every 10 --overlay_alpha 128 --learning_rate_drops 200",
        PIXRAY
        | {
            "drawer": "vqgan",
            "size": "288x288",
            "init": "bee.jpg",
            "previews": 20,
            "optimiser.schedule": "constant",
            "optimiser.rate": 0.2,
            "overlay.picture": "bee.jpg",
            "overlay.every": 10,
            "overlay.alpha": 0.502,
            "prompts": "label(P) | vector(textoff):0.1",
        },
        left="init_noise init_image_alpha",
    ),
    Case(
        "6 a transparent sprite",
        "pixray.py --aspect square --size 256 256 --pixel_size 64 64 --seed 42 --drawer pixel "
        "--quality better --transparent 1 --alpha_use_g 1 --custom_loss edge:4 --prompts P",
        PIXRAY
        | MOSAIC
        | {
            "size": "256x256",
            "draw.grid": "64x64",
            "seed": 42,
            "draw.alpha": True,
            "losses.edges": 1.6,
            "losses.edge_colour": "#ffffff",
            "losses.ground": 0.02,
        },
        nearly="custom_loss",
        left="aspect alpha_use_g",
    ),
    Case(
        "7 tiles, as pixray's cog makes them",
        "drawer: vqgan\nquality: better\nfilters: wallpaper\nwallpaper_edge_match: 4\n"
        "custom_loss: smoothness:0.5\nsmoothness_type: clipped\nsize: [416, 416]\n",
        PIXRAY | {"tile": "both", "size": "416x416", "losses.smoothness_kind": "clipped"},
        nearly="custom_loss wallpaper_edge_match",
        left="smoothness_type",
        file="tiler_fft.yaml",
    ),
    Case(
        "7b the same with an option that pixray does not have",
        "drawer: fft\nquality: better\nfilters: wallpaper\nwallpaper_shift: True\n"
        "prompts: P\nsize: [416, 416]\n",
        {"tile": "both", "drawer": "fourier", "size": "416x416"},
        left="wallpaper_shift",
        file="tiler_fft_shift.yaml",
    ),
    Case(
        "8 pixray's example of pixels",
        "prompts: P\nquality: better\nuse_pixeldraw: True\ninit_noise: pixels\n"
        "pixel_size: [64,64]\nsize: [320,320]\nnum_cuts: 96\niterations: 120\n"
        "learning_rate_drops: [80]\nsave_every: 10\n",
        PIXRAY
        | {
            "drawer": "mosaic",
            "draw.grid": "64x64",
            "size": "320x320",
            "cutouts.count": 96,
            "steps": 120,
            "init": "fractal",
            "optimiser.schedule": "constant",
            "optimiser.rate": "0: 0.03, 96: 0.003 hold",
            "previews": 10,
        },
        file="loot_settings.yaml",
    ),
    Case(
        "9 a zoom of nerdyrodent's with scenes",
        'python generate.py -p "A|photo:-1 ^ B ^ C ^ D ^ E" -cpe 1500 -zvid -i 6000 -zse 10 '
        "-vl 20 -zsc 1.005 -opt Adagrad -lr 0.15 -se 6000",
        {
            "fps": 30.0,
            "frames": 601,
            "motion.steps": 10,
            "motion.rate": 0.15,
            "camera.zoom": 1.005,
            "camera.edges": "wrap",
            "optimiser.name": "adagrad",
            "optimiser.rate": 0.15,
            "fade": 0.0,
            "prompts": "A lasting(150) | photo:-1 ^ B lasting(150) ^ C lasting(150) ^ "
            "D lasting(150) ^ E lasting(1)",
        },
        nearly="cpe",
    ),
    Case(
        "10 a picture restyled by nerdyrodent's",
        "python generate.py -p P -ii x.jpg -i 80 -se 10 -opt AdamW -lr 0.25",
        {
            "steps": 81,
            "init": "x.jpg",
            "optimiser.name": "adamw",
            "optimiser.rate": 0.25,
            "optimiser.schedule": "constant",
            "perceptors": [B32],
            "size": "512x512",
            "cutouts.count": 32,
            "cutouts.recipe": "vqgan-clip",
            "cutouts.contrast": "absolute",
        },
        nearly="opt",
    ),
    Case(
        "11 a zoom outwards",
        "python generate.py -p P -zvid -i 4500 -zse 20 -vl 10 -zsc 0.97 -opt Adagrad -lr 0.15 "
        "-se 4500",
        {"camera.zoom": 0.97, "frames": 226, "fps": 22.5, "motion.steps": 20},
        nearly="zsc",
    ),
    Case(
        "12 pytti's limited palette",
        f'scenes: "A | B || C | D"\nscene_suffix: " {SUFFIX}"\nsteps_per_frame: 50\n'
        "save_every: 50\nsteps_per_scene: 1000\ninterpolation_steps: 500\n"
        "image_model: Limited Palette\nlock_palette: false\nanimation_mode: 2D\n"
        'translate_y: -1\nzoom_x_2d: 3\nzoom_y_2d: 3\n"ViT-B/32": true\ncutouts: 60\n'
        "cut_pow: 1\nseed: 12345\npixel_size: 1\nwidth: 256\nheight: 128\n",
        {
            "drawer": "palette",
            "frames": 40,
            "motion.steps": 50,
            "camera.zoom": 1.011858,
            "camera.pan_y": -0.007812,
            "camera.edges": "wrap",
            "fade": 0.5,
            "fps": 12.0,
            "size": "256x128",
            "draw.grid": "256x128",
            "draw.shades": 5,
            "draw.palettes": 20,
            "draw.lock": False,
            "losses.shades": 0.01,
            "losses.unlike": 0.2,
            "losses.smoothness": 0.02,
            "optimiser.rate": 0.02,
            "cutouts.count": 60,
            "cutouts.recipe": "pytti",
            "steps": 50,
            "seed": 12345,
            "prompts": f"A lasting(20) | B | {WATERMARKS} ^ C lasting(20) | D | {WATERMARKS}",
        },
        nearly="cut_pow zoom_y_2d",
        left="save_every",
        file="widget.yaml",
    ),
    Case(
        "13 pytti over a film",
        f'# @package _global_\nscenes: "A"\nscene_suffix: " {SUFFIX}"\n'
        "animation_mode: Video Source\nvideo_path: clip.mp4\nframes_per_second: 15\n"
        "steps_per_frame: 50\npre_animation_steps: 50\nsteps_per_scene: 1000\n"
        "image_model: VQGAN\ncutouts: 40\ncut_pow: 1\nwidth: 1024\nheight: 512\n",
        {
            "drawer": "vqgan",
            "vqgan": "sflckr",
            "source.film": "clip.mp4",
            "frames": 20,
            "fps": 15.0,
            "motion.steps": 50,
            "size": "1024x512",
            "optimiser.rate": 0.1,
            "source.blend": 1.0,
        },
        nearly="cut_pow",
        file="film.yaml",
        gone=("init",),
    ),
    Case(
        "13b the same, stabilised",
        'scenes: "A"\nanimation_mode: Video Source\nvideo_path: clip.mp4\nimage_model: VQGAN\n'
        "direct_stabilization_weight: 1\nreencode_each_frame: true\nsteps_per_frame: 80\n"
        "steps_per_scene: 3840\ninterpolation_steps: 960\n",
        {"motion.hold": 1.0, "source.blend": 1.0, "motion.steps": 80, "fade": 0.25},
        file="film.yaml",
    ),
    Case(
        "14 Disco, in 2D",
        json.dumps(
            {
                "text_prompts": {"0": ["P"]},
                "animation_mode": "2D",
                "max_frames": 24,
                "zoom": "0:(1.02)",
                "angle": "0:(0)",
                "frames_skip_steps": "70%",
                "steps": 50,
                "clip_guidance_scale": 3000,
                "cutn_batches": 1,
                "seed": 42,
            }
        ),
        {
            "frames": 24,
            "camera.zoom": 1.02,
            "camera.roll": 0.0,
            "camera.edges": "wrap",
            "motion.steps": 15,
            "cutouts.count": 16,
            "cutouts.recipe": "disco",
            "seed": 42,
        },
        nearly="clip_guidance_scale",
        file="disco_settings.txt",
    ),
    Case(
        "15 discoart's own defaults",
        "text_prompts:\n  - P\nwidth_height: [1280, 768]\nclip_models:\n"
        "  - ViT-B-32::openai\n  - ViT-B-16::openai\n  - RN50::openai\nsteps: 250\n"
        "cut_overview: '[12]*400+[4]*600'\ncut_innercut: '[4]*400+[12]*600'\n"
        "cutn_batches: 4\nseed:\neta: 0.8\nclamp_grad: True\n",
        {
            "size": "1280x768",
            "perceptors": [B32, B16, "RN50::openai"],
            "cutouts.count": 64,
            "steps": 250,
        },
        left="eta clamp_grad",
        file="default.yml",
        gone=("seed",),
    ),
    Case(
        "16 aphantasia",
        "clip_fft.py -t A -t2 B -t0 C --size 1280-720",
        {
            "prompts": "A | B | C:-1",
            "size": "1280x720",
            "steps": 200,
            "drawer": "fourier",
            "optimiser.rate": 0.05,
            "optimiser.schedule": "constant",
            "cutouts.count": 106,
            "draw.saturation": 1.8,
            "draw.decay": 1.5,
            "draw.contrast": 1.0,
            "optimiser.momentum": 0.0,
        },
    ),
    Case(
        "17 a chat bot's defaults",
        "prompts: P\ndrawer: vdiff\nvdiff_model: cc12m_1_cfg\nquality: better\nscale: 2.25\n"
        "custom_loss: aesthetic:0.5\n",
        PIXRAY | {"drawer": "vqgan", "size": "432x240", "losses.aesthetic": 0.01},
        nearly="drawer custom_loss",
        left="vdiff_model",
        file="bot.yaml",
    ),
)
