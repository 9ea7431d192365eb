"""The engine watched in use: what humans made of its answers, how its beliefs hold, how its inputs drift."""
