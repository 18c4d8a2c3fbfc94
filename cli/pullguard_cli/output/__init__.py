"""Output formats: tables, JSON, HTML, SARIF, annotations."""
