"""What runs on a laptop: the CLI and the emulator."""
