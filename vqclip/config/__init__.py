"""Every setting, and how a value gets there.

Begin with `loading`.

    schema                The settings schema: every setting as a field of a frozen dataclass
    setting_fields        Fields of the settings schema: dataclass fields with help, choices and
                          bounds
    draw_settings         Drawers: what a picture is made of, and the settings `draw.…` of each
    loss_settings         Losses beside the prompts: the settings `losses.…`
    setting_descriptions  Descriptions of settings: names, defaults and help for tables and notes
    setting_layers        Layers of values, merged over the schema, with errors that name the
                          setting
    loading               Loading of settings: presets, run files and `key=value` into a RunConfig
    presets               YAML files: presets and run files, and prompts in the shapes that YAML
                          has
    auto_settings         Defaults that depend on other settings, and values of `auto`
    schedule_settings     Settings that may be a number or a schedule
    layout_settings       Layouts of the prompts of a run, as its settings want them
    sizes                 Picture sizes and the stages of multi-resolution growth
    perceptor_spec        Perceptor specs: `NAME:weight:cutouts`, an entry of the setting
                          `perceptors`

In `steps`: settings that are numbers of steps or frames. In `checking` and `yaml`: checks, and
values as people write them.
"""
