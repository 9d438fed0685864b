"""Videos, frame after frame: clips, and what is seen right now."""
