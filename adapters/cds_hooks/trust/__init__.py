"""Who may call the CDS services, and which of their servers may be called back."""
