"""Every setting, and how a value gets there.

Begin with `loading`.

    schema            The settings schema: every setting as a field of a frozen dataclass
    describe          Descriptions of settings: names, defaults and help for tables and notes
    layers            Layers of values, merged over the schema, with errors that name the
                      setting
    loading           Loading of settings: presets, run files and `key=value` into a RunConfig
    yaml_values       Values of YAML as they were written, by what the schema expects
    yaml_errors       Errors of YAML in words, with the line as it would be written
    yaml_files        YAML files: presets and run files, and prompts in the shapes that YAML has
    defaults          Defaults that depend on other settings, and values of `auto`
    scheduled         Settings that may be a number or a schedule
    sizes             Picture sizes and the stages of multi-resolution growth
    checks            Checks of settings that need no model
    suggestions       Suggestions for names that there are not, among them those of other tools
    animation_checks  Checks of animation settings that need no model
    perceptor_spec    Perceptor specs: `NAME:weight:cutouts`, an entry of the setting
                      `perceptors`
"""
