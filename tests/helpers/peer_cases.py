"""More settings of other tools, of the tables of what their options mean; see `peers`."""

from __future__ import annotations

import json

from tests.helpers.peers import B16, B32, PIXRAY, Case, notebook

OWN = (
    Case(
        "pixray, strokes",
        "pixray.py -p P --drawer clipdraw --strokes 200 --min_stroke_width .5 "
        "--max_stroke_width 3 -lr .1",
        {
            "drawer": "strokes",
            "draw.strokes": 200,
            "draw.thinnest": 1.0,  # its widths are half widths
            "draw.thickest": 6.0,
            "draw.paper": "white",
            "optimiser.rate": 1.037037,  # a pixel of 216, in units of 224
            "init": "random",
        },
        left="lr",
    ),
    Case(
        "pixray, lines",
        "pixray.py -p P --drawer line_sketch --allow_paper_color yes --stroke_length=5 "
        "--min_stroke_width 1 --quality draft",
        {
            "drawer": "lines",
            "draw.strokes": 24,
            "draw.segments": 5,
            "draw.thickest": 4.0,
            "draw.thinnest": 1.851852,  # two pixels of 108
            "draw.paper": "#f2eecb",
            "draw.paper_moves": True,
            "size": "192x108",
        },
        left="min_stroke_width",
    ),
    Case(
        "pixray, waves, and two drops",
        "pixray.py -p P --drawer fft --fft_decay 1.2 --fft_lrate .2 -lrd 50 90 -i 101",
        {
            "drawer": "fourier",
            "draw.decay": 1.2,
            "draw.contrast": 0.9,
            "draw.saturation": 1.5,
            "steps": 101,
            "optimiser.schedule": "constant",
            "optimiser.rate": "0: 0.2, 51: 0.02 hold, 91: 0.002 hold",
            "init": "random",
        },
    ),
    Case(
        "pixray, wavelets",
        "pixray.py -p P --drawer fft --fft_use dwt --fft_wave db2 --fft_decay 2",
        {"drawer": "wavelets", "draw.wave": "db2", "draw.sharp": 0.3, "optimiser.rate": 0.3},
        left="fft_decay",
    ),
    Case(
        "pixray, fast pixels in hexagons that it does not have",
        "pixray.py -p P --drawer fast_pixel --aspect portrait --pixel_type hex --optimiser AdamP",
        {
            "drawer": "pixels",
            "size": "256x320",
            "draw.grid": "40x50",
            "optimiser.rate": 0.2,
            "optimiser.name": "adamp",
        },
        left="pixel_type",
    ),
    Case(
        "pixray, larger pixels in hexagons",
        "pixray.py -p P --drawer pixel --aspect square --pixel_type hex --pixel_scale 2",
        {"draw.shape": "hexagon", "draw.grid": "21x29"},  # 40 x 56, halved, both odd
    ),
    Case(
        "pixray, a seed in words, and spots",
        "prompts: sky:2:0.7|fog:-1\nseed: reference\nspot: a bee\nspot_off: a tree:0.5\n"
        "spot_file: mask.png\nquality: draft\n",
        {
            "prompts": "sky:2:0.7 | fog:-1 | a bee in(-mask.png) | a tree in(mask.png):0.5 | "
            "vector(textoff):0.1",
            "seed": 3903845079,
            "size": "192x96",
            "perceptors": [B16],
        },
        nearly="spot spot_off",
        file="spots.yaml",
    ),
    Case(
        "pixray, a spot without a mask",
        "pixray.py -sp P --aspect widescreen -vp none",
        {"prompts": "P in(-33% 20% 34% 60%)"},
        nearly="sp",
    ),
    Case(
        "pixray, losses that count twice with RN50x4",
        "pixray.py -p P --quality best --custom_loss palette,saturation:-1,symmetry "
        "--palette red --symmetry_weight 3",
        {
            "losses.palette": 2.4,  # 12 cuts / 10, for 224 and for 288 pixels
            "losses.saturation": -0.2,
            "losses.symmetry": 3.0,
            "losses.axis": "horizontal",
            "losses.colours": "#000000->#e50000\\16",  # xkcd's red, from black
            "size": "768x432",
            "cutouts.count": 24,
        },
    ),
    Case(
        "pixray, supreme, with SLIP among the CLIPs",
        "pixray.py -p P --quality supreme --clip_models ViT-B/32,SLIP_VITB16,RN50x4",
        {
            "perceptors": [B32, "RN50x4::openai"],
            "size": "960x528",
            "steps": 400,
            "cutouts.count": 32,
        },
        nearly="clip_models",
    ),
    Case(
        "pixray, mixed perceptors",
        "pixray.py -p P --perceptors mixed --quality better --ezsize small",
        {"perceptors": ["RN50::openai", B16], "size": "192x96"},
        nearly="perceptors",
    ),
    Case(
        "pixray, directions, noise and pictures",
        "pixray.py -p 'a {red} fox (small)' -vp textoff:4 -nps 7 8 -npw .2 .3 -ip a.png -ipw 2 "
        "-ti b.png:.5",
        {
            "prompts": "a \\{red\\} fox \\(small\\) | @a.png:2 | like(b.png):0.5 | "
            "vector(textoff):0.4 | noise(7):0.2 | noise(8):0.3",
        },
        nearly="nps",
    ),
    Case(
        "pixray, labels, targets and vectors from files",
        "pixray.py -l 'a (red) bee:2:0.7|fly' -ti 'a.png:.5|b/*.png:2:.8' "
        "-vp 'moods.json:3|pixelart:2|textoff'",
        {
            "prompts": "label(a \\(red\\) bee):2:0.7 | label(fly) | like(a.png):0.5 | "
            "like(b/*.png):2:0.8 | vector(moods.json):0.3 | vector(vectors/pixelart.json):0.2 | "
            "vector(textoff):0.1",
        },
        nearly="ti vp",
    ),
    Case(
        "pixray, vectors from the net",
        "pixray.py -p P -vp https://example.com/v.json",
        {"prompts": "P"},
        left="vp",
    ),
    Case(
        "pixray, colours that are the only ones",
        "pixray.py -p P --filters lookup:0.5 --lookup_beta 4 --palette '[black,red,#ff0000]\\5'",
        {
            "filters.lookup": "[#000000, #e50000, #ff0000]\\5",
            "filters.commit": 2.0,
        },
    ),
    Case(
        "pixray, tiles in bricks, without edges",
        "pixray.py -p P --filters wallpaper --wallpaper_type shift --custom_loss edge,symmetry",
        {"tile": "brick", "losses.edges": 0.0, "losses.symmetry": 1.0},
        nearly="custom_loss",
    ),
    Case(
        "pixray, a film of its making",
        "pixray.py -p P -vid yes -i 280 -se 5% -si no -d t -cud cuda:1",
        {
            "film.format": "mp4",
            "film.fps": 20.0,
            "film.every": 1,
            "previews": 0,
            "deterministic": True,
            "device": "cuda:1",
        },
        left="se",
    ),
    Case(
        "clipit, in its older names",
        "prompts: P\nuse_clipdraw: true\ntarget_palette: red->blue\\4\n"
        "enforce_palette_annealing: 2000\nenforce_smoothness: 0.5\nenforce_saturation: 2\n"
        "max_iterations: 90\noutput_name: a.png\ndo_mono: true\n",
        {
            "drawer": "strokes",
            "steps": 90,
            "losses.palette": "0.0015 * frame",
            "losses.colours": "#e50000->#0343df\\4",
            "losses.saturation": 0.2,
        },
        nearly="enforce_smoothness",
        left="output_name do_mono",
        file="clipit.yaml",
    ),
    Case(
        "pixray, a script whose values are computed",
        "import pixray\nwords = 'a fox'\nn = 3 * 100\n"
        "for seed in range(3):\n    pixray.run(words, 'pixel', seed=seed, iterations=n, "
        "scale=2.5)\n",
        {"prompts": "a fox | vector(textoff):0.1", "size": "480x270", "drawer": "mosaic"},
        left="seed iterations",
        file="art.py",
        gone=("seed",),
    ),
    Case(
        "nerdyrodent, pictures, noise and another model",
        "python3 generate.py -p 'P:2:0.7 | 12:30' -ip 'a.png|b.png:0.5' -nps 3 -npw .1 "
        "-s 300 200 -ckpt checkpoints/vqgan_openimages_f16_8192.ckpt -cutm original -in gradient "
        "-m ViT-B/16 -iw 1 -sd 5",
        {
            "prompts": "P:2:0.7 | 12:+30 | @a.png | @b.png:0.5 | noise(3):0.1",
            "size": "288x192",
            "vqgan": "gumbel_f8_8192",
            "cutouts.recipe": "crowson",
            "init": "gradient",
            "perceptors": [B16],
            "seed": 5,
        },
        nearly="ip nps s",
        left="iw",
    ),
    Case(
        "nerdyrodent, a film of its making",
        "python generate.py -p P -i 300 -vid -vl 10 -d",
        {
            "steps": 301,
            "film.format": "mp4",
            "film.fps": 30.0,
            "deterministic": True,
            "init": "random",
        },
    ),
    Case(
        "nerdyrodent, a moving zoom at another rate",
        "%run generate.py -p P -zvid -i 100 -zse 10 -zsx 8 -zsy -16 -s 256 256 -ofps 30",
        {
            "camera.pan_x": -0.03125,
            "camera.pan_y": 0.0625,
            "frames": 11,
            "fps": 15.0,
            "film.between": 1,
        },
        nearly="ofps",
    ),
    Case(
        "nerdyrodent, over a film",
        "python generate.py -p P -vsd frames -i 25 -lr .2 -ii a.png",
        {"source.film": "frames", "steps": 26, "motion.steps": 26, "source.blend": 1.0},
        nearly="vsd",
        left="ii",
        gone=("init",),
    ),
    Case(
        "pytti, in 3D, with sound",
        'scenes: "A:1+fLo_r | [pic.png]:2_[-m.png]:-.5"\nanimation_mode: 3D\n'
        "translate_z_3d: 512*sin(t)\nrotate_3d: [1, 0, 0, 0.01]\nfield_of_view: 70\n"
        "infill_mode: smear\ninput_audio: song.mp3\ninput_audio_offset: 2\n"
        "input_audio_filters:\n  - {variable_name: fLo, f_center: 105, f_width: 65, order: 5}\n"
        "translate_x: '(lambda x: x)(3)'\nfar_plane: 5000\n",
        {
            "prompts": "A in(right):{1 + fLo} | @pic.png in(-m.png):2:-0.5",
            "camera.depth": "flat",
            "camera.forward": "512 * sin(t) * 0.001953125",
            "camera.roll": 1.145877,
            "camera.view": 70.0,
            "camera.edges": "smear",
            "sound.file": "song.mp3",
            "sound.start": 2.0,
            "sound.bands": "fLo=72.5-137.5",
        },
        nearly="translate_z_3d rotate_3d",
        left="translate_x far_plane",
        file="deep.yaml",
    ),
    Case(
        "pytti, a still by two CLIPs",
        'scenes: "A || B"\nsteps_per_scene: 200\ninterpolation_steps: 50\nanimation_mode: off\n'
        "image_model: Unlimited Palette\npixel_size: 4\nwidth: 180\nheight: 112\nViTB32: true\n"
        'ViTB16: true\ninit_image: start.png\ndirect_init_weight: "0.5"\nzoom_x_2d: 3\n'
        "gradient_accumulation_steps: 4\n",
        {
            "drawer": "pixels",
            "size": "720x448",
            "draw.grid": "180x112",
            "steps": 400,
            "fade": 0.25,
            "perceptors": [f"{B32}:0.5", f"{B16}:0.5"],
            "init": "start.png",
            "losses.init": 0.5,
            "prompts": "A ^ B",
            "memory.chunk": 10,
        },
        nearly="gradient_accumulation_steps",
        left="zoom_x_2d",
        file="still.yaml",
        gone=("frames",),
    ),
    Case(
        "pytti, moving by expressions",
        'scenes: "A"\nanimation_mode: 2D\nimage_model: VQGAN\nvqgan_model: openimages\n'
        "translate_x: 10*cos(radians(90*t))\nrotate_2d: 2*math.sin(t)\nwidth: 100\nheight: 100\n"
        "direct_stabilization_weight: 2\n",
        {
            "vqgan": "gumbel_f8_8192",
            "optimiser.rate": 0.15,
            "size": "96x96",
            "camera.pan_x": "10 * cos(90 * t * pi / 180) * -0.01",
            "camera.roll": "2 * sin(t) * -1",
            "motion.hold": 2.0,
        },
        file="moving.yaml",
    ),
    Case(
        "Disco, in 3D, by weights",
        json.dumps(
            {
                "text_prompts": {"0": ["A:3", "B:-1"], "12": ["C"], "99": ["D"]},
                "animation_mode": "3D",
                "max_frames": 24,
                "translation_z": "0: (10), 10: (20)",
                "rotation_3d_y": "0: (0), 10: (0.5)",
                "interp_spline": "Quadratic",
                "cut_overview": "[12]*400+[4]*600",
                "cut_innercut": "[4]*1000",
                "cutn_batches": 1,
                "tv_scale": 1250,
                "padding_mode": "border",
                "eta": 0.8,
            }
        ),
        {
            "prompts": "A lasting(12):1.5 | B:-0.5 ^ C lasting(12)",
            "camera.forward": "0: 0.05, 10: 0.1 spline",
            "camera.swing": "0: 0, 10: 0.5 spline",
            "cutouts.count": "0: 16, 40%: 8 hold",
            "losses.smoothness": 1.0,
            "camera.view": 40.0,
            "camera.edges": "smear",
        },
        nearly="text_prompts translation_z rotation_3d_y interp_spline",
        left="eta",
        file="deep.txt",
    ),
    Case(
        "discoart, called by a script",
        "from discoart import create\nda = create(\n  text_prompts=['A:2', 'B'],\n"
        "  init_image='me.png', init_scale=2500, use_vertical_symmetry=True,\n"
        "  width_height=[650, 520], n_batches=4)\n",
        {
            "prompts": "A:0.666667 | B:0.333333",
            "init": "me.png",
            "losses.init": 0.5,
            "losses.symmetry": "0: 1, 9%: 0 hold",
            "losses.axis": "horizontal",
            "size": "640x512",
        },
        nearly="init_scale use_vertical_symmetry",
        left="n_batches",
        file="create.py",
    ),
    Case(
        "Deforum",
        json.dumps(
            {
                "W": 512,
                "H": 448,
                "animation_mode": "2D",
                "max_frames": 100,
                "animation_prompts": {"0": "A", "50": "B --neg C"},
                "zoom": "0:(1.0025+0.002*sin(1.25*3.14*t/30))",
                "angle": "0:(0), 20:(2), 40:(5*t)",
                "color_coherence": "Match Frame 0 LAB",
                "border": "replicate",
                "strength_schedule": "0:(0.65)",
            }
        ),
        {
            "prompts": "A lasting(50) ^ B lasting(50) | C:-1",
            "fade": 1.0,
            "size": "512x448",
            "frames": 100,
            "camera.zoom": "1.0025 + 0.002 * sin(1.25 * 3.14 * frame / 30)",
            "camera.roll": "0: 0, 20: -2, 40: (5 * frame * -1)",
            "camera.edges": "smear",
            "motion.colours": "lab",
        },
        left="strength_schedule",
        file="deforum.txt",
    ),
    Case(
        "aphantasia, wavelets that grow",
        "python clip_fft.py --in_txt A --dwt -w db2 -p -lr .1 -m RN50 -tf none -i me.jpg "
        "--sharp .3 -e .1 -d 2",
        {
            "drawer": "wavelets",
            "draw.wave": "db2",
            "optimiser.rate": "0.1 * (1 + share)",
            "perceptors": ["RN50::openai"],
            "cutouts.count": 50,
            "prompts": "A | @me.jpg:0.5",
            "losses.agree": 0.1,
        },
        nearly="tf",
        left="sharp e d",
    ),
    Case(
        "pixray, a command in a notebook",
        notebook("!python pixray/pixray.py --prompts 'a b' \\\n  --quality draft --seed 3"),
        PIXRAY | {"prompts": "a b | vector(textoff):0.1", "seed": 3, "size": "192x96"},
        file="command.ipynb",
    ),
)
