"""Training of the lung-nodule net: torch and MONAI, never loaded by the running service."""
