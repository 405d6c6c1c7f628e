"""The tests mirror vqclip/: `models/test_zoo.py` holds `models/zoo.py` to what it promises."""
