"""Checks of settings, before any model is loaded.

Begin with `setting_checks`.

    setting_checks      Checks of settings that need no model
    animation_checks    Checks of animation settings that need no model
    frame_independence  Frame independence: what the frames of an animation take from each other
    depth_checks        Checks of depth models: folders as Hugging Face publishes them
    drawer_checks       Checks of the drawers of a run, and of settings that are another drawer's
    prompt_notes        Notes on prompts that may be read in another way than they were meant
    picture_checks      Checks of the pictures that a run reads: its prompts', masks and its start
    stop_checks         Checks of `stop`: whether a judge can tell where a run is to end
    seeds               Seeds: whole numbers, and walks between two of them
    suggestions         Suggestions for names that there are not, among them those of other tools
"""
