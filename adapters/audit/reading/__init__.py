"""What a free-text report states: category, sizes, recommended interval and modality, each with its span."""
