"""What can be optimised to make a picture."""
