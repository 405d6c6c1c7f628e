"""The page: drawing in the browser, and looking back at runs.

Begin with `server`.

    server          The server of the page: its address, its guard, and its loop
    safety          The guard before the page: who may ask for what
    page            The page: its tabs, its looks, and how it is mounted
    routes          The page's own routes: states and pictures of runs, as JSON
    studio          The studio: runs and jobs of one folder, and what can be done with them
    jobs            Worker processes, which wait in a queue and go on without the page's server
    run_state       The state of a run, read from its folder
    folder_index    The index of run folders, with filters
    thumbnails      Thumbnails of runs, kept on disk
    prompt_reading  The reading of a prompt while somebody types it
    animation_preview  Curves, scenes, camera and sound of an animation before it is drawn
    markup          HTML of the page: text that is safe to show, cards with pictures

In `tabs`: the tabs of the page. In `static`: its script, its style, and thumbnails.
"""
