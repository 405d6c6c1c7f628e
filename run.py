import vqclip.__main__  # noqa: F401 (it runs the command)
