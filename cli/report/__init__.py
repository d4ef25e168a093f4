"""The report: one HTML file of the numbers of records, without a network and without a script."""
