"""Parts of the recipe gene_finding.py beside the lecture's path."""
