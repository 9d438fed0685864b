"""Videos: decoding, encoding and muxing of clips, and steadiness over their frames."""
