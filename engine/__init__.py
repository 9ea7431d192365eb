"""The reasoning core of radlogic: decides, and knows no DICOM, FHIR or HTTP.

Start reading at ``assess.py``.
"""

if __name__ == "engine":  # started in the checkout, Python would load every class a second time
    raise ImportError("import radlogic.engine, not engine: install the project (make run) and use its own Python")
