"""What the commands print: tables, JSON, HTML, SARIF, annotations."""
