"""Videos, frame after frame: clips, what is seen right now, and steadiness over their frames."""
