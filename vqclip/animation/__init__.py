"""From one frame to the next: cameras, warps, optical flow, depth and colour.

Begin with `frame_feedback`.

    frame_feedback    Frame feedback: how each frame begins with the last one, warped and encoded
    frame_parameters  Parameters of frames: encoded from a warped picture, or moved with the
                      camera
    motion_sources    Frame motion: by a 2-D camera, a 3-D camera, or the optical flow of a film
    camera_2d         The 2-D camera: zoom, pan, roll, tilt and swing as matrices
    camera_3d         The 3-D camera: flights through a depth map
    surfaces          Surfaces that a 3-D camera flies past: a wall, a ground plane, a tunnel, a
                      depth map
    resample          Anti-aliased resampling of a picture at other positions
    warp              Warping of pictures, latents and optimiser moments along a grid
    point_motion      Point motion: where a warp brings points
    optical_flow      Optical flow between two frames, with occlusions
    flicker           Flicker of a film: the warping error between neighbouring frames
    colour_match      Colour matching: a picture in the colours of another
    depth_model       Monocular depth models of Hugging Face's transformers
"""
