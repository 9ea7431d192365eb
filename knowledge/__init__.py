"""Networks, risk models, value sets, gates, model cards as data: no Python but this line."""
