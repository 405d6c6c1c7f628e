"""CLIP as a tool: what is in a picture, how well do words fit it, and which picture fits best?"""
